import Testing

/// One plan of the test's recipes and its digest.
struct PinnedDigest: Sendable, CustomTestStringConvertible {
  var crate: String
  var version: String
  var target: String
  var digest: String

  var testDescription: String { "\(crate) \(version) \(target)" }

  init(_ crate: String, _ version: String, _ target: String, _ digest: String) {
    self.crate = crate
    self.version = version
    self.target = target
    self.digest = digest
  }

  static let all = [
    PinnedDigest(
      "ripgrep", "13.0.0", "aarch64-unknown-linux-gnu",
      "283d6709fb4ad7e7b67288dff78c518e9e98e47cf08102002bdd94b92a79ef99"),
    PinnedDigest(
      "ripgrep", "13.0.0", "x86_64-unknown-linux-gnu",
      "38722f786651059aff4f06318860c5fea013b79de3e208e9202fb0b01cc56839"),
    PinnedDigest(
      "ripgrep", "13.0.0", "x86_64-unknown-linux-musl",
      "5a2b357cb47691937898d8d26e8673d265f75f7be5298bd7964e3accd9d8f339"),
    PinnedDigest(
      "ripgrep", "14.1.0-rc.1", "aarch64-unknown-linux-gnu",
      "35a17ee8fd84e0c0cb8f7b4d800a2a8b0b6628be71414f75ed5cf288da8cda17"),
    PinnedDigest(
      "ripgrep", "14.1.0-rc.1", "x86_64-unknown-linux-gnu",
      "c4100e3b47badcbf4450522dd5271c944a67750bf84cd366c98273d88367356a"),
    PinnedDigest(
      "ripgrep", "14.1.0-rc.1", "x86_64-unknown-linux-musl",
      "aaef571e996794c9b2f6c254f45267d14af9d3d86e6d2955817f85dd4662b60b"),
    PinnedDigest(
      "ripgrep", "12.1.1", "aarch64-unknown-linux-gnu",
      "dbdf6f479d9d1248dc519c82978cadf8a238260dbca526d535cd01de96bfa65d"),
    PinnedDigest(
      "ripgrep", "12.1.1", "x86_64-unknown-linux-gnu",
      "aa634c81ee4ec34c263dcb0d00bcb61f41bceea55c4e969f059715a72a64881b"),
    PinnedDigest(
      "ripgrep", "12.1.1", "x86_64-unknown-linux-musl",
      "c7f55b3bd71f43a788d7cdbac1a065f0fa3846fd5f1ed54af958093003c90a40"),
    PinnedDigest(
      "fd-find", "8.6.0", "aarch64-unknown-linux-gnu",
      "6a7fa7f16e3d45069ddce00bbb6786ec53c153dc067cc489427e2e3d9bb732f1"),
    PinnedDigest(
      "fd-find", "8.6.0", "x86_64-unknown-linux-gnu",
      "37bb9c384c2c945a7df6908b68ea7267d6462829a732fd57a9bf581f58f92e09"),
    PinnedDigest(
      "fd-find", "8.6.0", "x86_64-unknown-linux-musl",
      "d0654feba6d7104dace2217622bb69f8bdea6da665357e933ba74f4bc49b489f"),
    PinnedDigest(
      "fd-find", "8.6.0+build.1", "aarch64-unknown-linux-gnu",
      "98d1f19863ab2d3ff4c8c34517bc187da35159db3d17aed6fcf35f90c12d76c5"),
    PinnedDigest(
      "fd-find", "8.6.0+build.1", "x86_64-unknown-linux-gnu",
      "4fde4dc36e49f34ef986ab9a6431ee49133ce036337e3182b43e299f36c09ced"),
    PinnedDigest(
      "fd-find", "8.6.0+build.1", "x86_64-unknown-linux-musl",
      "aacc22c3928712c3d742da7c664255de9aac484b5758171e4a8b17ce69119b1c"),
    PinnedDigest(
      "hexyl", "0.8.0", "aarch64-unknown-linux-gnu",
      "a54a9d4fabb8d3bfc04c2b659eb143656446f172b0c0869cc58daa8f2b65cc27"),
    PinnedDigest(
      "hexyl", "0.8.0", "x86_64-unknown-linux-gnu",
      "011d09d163cb02ef003779ac8a7e76f96229efd83b9fdde7bc011c452c4ddea9"),
    PinnedDigest(
      "hexyl", "0.8.0", "x86_64-unknown-linux-musl",
      "307e610b710f414654eacecf2b0bd8e19aae72b3bfe0efa6c016ddd639981e36"),
    PinnedDigest(
      "late", "0.1.0", "aarch64-unknown-linux-gnu",
      "fc5ed0bcec21eb58c5984de5b5269e25a4a4baf75d98ddd1bde3f9240498b16e"),
    PinnedDigest(
      "late", "0.1.0", "x86_64-unknown-linux-gnu",
      "22e815246cfe0bf332821d512cebe8ff2da20f9a7ef2facf55675c5ee0d54c16"),
    PinnedDigest(
      "late", "0.1.0", "x86_64-unknown-linux-musl",
      "547cf89a498168a069dfaaf61e60948e116ff90d657b0f2398ffc8ecf3786c33"),
    PinnedDigest(
      "Upper_Case", "1.0.0", "aarch64-unknown-linux-gnu",
      "4caedfb7bcd746df157a6608a92381be66bc334cafdb014e4845eac1b900ba66"),
    PinnedDigest(
      "Upper_Case", "1.0.0", "x86_64-unknown-linux-gnu",
      "ba16051209d21004b10b0cd277889d1ee4bf4fe067d965cf5d74df6e39d7be1b"),
    PinnedDigest(
      "Upper_Case", "1.0.0", "x86_64-unknown-linux-musl",
      "fe04edba4e6112476fe9592fad6cccca848298fb6097988b5a3b40ccb09be29b"),
  ]
}
