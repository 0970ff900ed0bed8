import ExecutorKit

/// A Debian architecture, and what emulates it on this machine.
struct Machine: Sendable, Equatable {
  /// In Debian's words.
  let debian: String
  /// QEMU's word for the processor.
  let processor: String
  /// The Rust targets whose compiler is a root file system's own.
  let targets: [String]
  /// The architectures, in Debian's words, on which programs run without an emulator.
  let runsOn: [String]

  /// Those of which Debian 12 has Rust.
  static let all = [
    Machine("amd64", "x86_64", ["x86_64-unknown-linux-gnu"], runsOn: ["amd64"]),
    Machine(
      "i386", "i386", ["i686-unknown-linux-gnu", "i586-unknown-linux-gnu"],
      runsOn: ["amd64", "i386"]),
    Machine("arm64", "aarch64", ["aarch64-unknown-linux-gnu"], runsOn: ["arm64"]),
    Machine("armhf", "arm", ["armv7-unknown-linux-gnueabihf"], runsOn: []),
    Machine("ppc64el", "ppc64le", ["powerpc64le-unknown-linux-gnu"], runsOn: ["ppc64el"]),
    Machine("s390x", "s390x", ["s390x-unknown-linux-gnu"], runsOn: ["s390x"]),
  ]

  private init(_ debian: String, _ processor: String, _ targets: [String], runsOn: [String]) {
    self.debian = debian
    self.processor = processor
    self.targets = targets
    self.runsOn = runsOn
  }

  /// This machine's architecture in Debian's words.
  static var own: String {
    #if arch(x86_64)
      "amd64"
    #elseif arch(arm64)
      "arm64"
    #else
      "another"
    #endif
  }

  /// Reads the module's part of a target's YAML.
  /// - Throws: ``ExecutorFailure`` that names the key which cannot be used.
  init(_ configuration: ConfigurationValue) throws(ExecutorFailure) {
    let map = configuration.map ?? [:]
    let known = Self.all.map(\.debian).joined(separator: ", ")
    if let key = map.keys.sorted().first(where: { $0 != "debian" }) {
      throw Self.mistake("unknown key “\(key)”; the module reads debian")
    }
    guard let name = map["debian"]?.text else {
      throw Self.mistake("debian is missing: the architecture in Debian's words, one of \(known)")
    }
    guard let machine = Self.all.first(where: { $0.debian == name }) else {
      throw Self.mistake("debian must be one of \(known), not “\(name)”")
    }
    self = machine
  }

  private static func mistake(_ text: String) -> ExecutorFailure {
    ExecutorFailure(.infrastructure, "qemu: \(text), in the target's YAML")
  }

  /// Whether a machine needs an emulator for it.
  func isEmulated(on own: String = Machine.own) -> Bool { !runsOn.contains(own) }
}
