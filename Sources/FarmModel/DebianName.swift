/// What a crate, its version and its target are called in Debian (Debian Policy, sections 5.6.1,
/// 5.6.7 and 5.6.12).
public enum DebianName {
  /// The package's name: lower case, `_` as `-`. Nil for what Debian does not accept as a name: one
  /// character alone, or another beginning than a letter or digit; and for a package of Debian's base
  /// system, whose place a crate must not take.
  public static func package(crate: String) -> String? {
    let name = CrateName.normalize(crate).replacing("_", with: "-")
    guard name.utf8.count >= 2, name.first != "-", CrateName(crate) != nil,
      !DebianBaseSystem.owns(name)
    else { return nil }
    return name
  }

  /// The package's version: `-` as `~`, which Debian sorts before the release, as semver does.
  ///
  /// Not only the first one: what follows a `-` would be Debian's own revision, which may not be
  /// empty. No two versions become one, since semver knows no `~`.
  public static func version(_ version: String) -> String {
    version.replacing("-", with: "~")
  }

  /// Debian's word for what runs the binaries of a target; nil where the farm makes no package: other
  /// systems than GNU and musl, and machines that Debian has no port for.
  public static func architecture(target: String) -> String? {
    let parts = target.split(separator: "-")
    guard parts.count == 4, parts[2] == "linux" else { return nil }
    switch (parts[0], parts[3]) {
    case ("armv7", "gnueabihf"), ("armv7", "musleabihf"): return "armhf"
    case (let processor, "gnu"), (let processor, "musl"): return architectures[String(processor)]
    default: return nil
    }
  }

  /// By Rust's word for the processor (`dpkg-architecture -L` has Debian's).
  private static let architectures = [
    "x86_64": "amd64", "i686": "i386", "aarch64": "arm64", "powerpc64le": "ppc64el",
    "s390x": "s390x", "riscv64gc": "riscv64",
  ]
}
