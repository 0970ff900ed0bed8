import ExecutorKit
import Foundation

/// The tools of an image, by their version lines.
struct Toolchain: Equatable, Sendable {
  var rustc: String
  var cargo: String
  var gcc: String
  /// Nil for an image without zig.
  var zig: String?
  /// Packages of the image's stage `host` that are no longer there in the same version, as lines of
  /// `dpkg-query --show`: what the target needs has replaced them.
  var replaced: [String] = []
  /// As ``EnvironmentIdentity/hostDigest``; nil until it is known.
  var hostDigest: String?

  private static let prefix = "rs.builds.toolchain."

  /// Prints the lines that ``init(lines:)`` reads. Its first argument is the GNU triple.
  static let script = """
    rustc --version && cargo --version && "$0-gcc" --version | head -n 1
    if command -v zig >/dev/null; then echo "zig $(zig version)"; else echo; fi
    if [ -e /opt/host-packages ]; then
      dpkg-query --show | grep -Fxv -f - /opt/host-packages
    fi
    exit 0
    """

  /// Reads the lines that ``script`` prints: rustc, cargo, gcc, zig, and packages.
  init?(lines: String) {
    let lines = lines.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard lines.count >= 4, lines[0].hasPrefix("rustc "), lines[1].hasPrefix("cargo "),
      !lines[2].isEmpty
    else { return nil }
    (rustc, cargo, gcc) = (lines[0], lines[1], lines[2])
    zig = lines[3].isEmpty ? nil : lines[3]
    replaced = lines[4...].filter { !$0.isEmpty }
  }

  /// Reads an image's labels.
  init?(labels: [String: String]) {
    guard let rustc = labels[Self.prefix + "rustc"], let cargo = labels[Self.prefix + "cargo"],
      let gcc = labels[Self.prefix + "gcc"]
    else { return nil }
    (self.rustc, self.cargo, self.gcc) = (rustc, cargo, gcc)
    zig = labels[Self.prefix + "zig"]
    hostDigest = labels[Self.prefix + "host"]
  }

  var labels: [String: String] {
    var labels = ["rustc": rustc, "cargo": cargo, "gcc": gcc]
    labels["zig"] = zig
    labels["host"] = hostDigest
    return Dictionary(uniqueKeysWithValues: labels.map { (Self.prefix + $0.key, $0.value) })
  }

  /// The version line of what links.
  /// - Throws: ``ExecutorFailure`` where the image has no such linker.
  func line(ofLinker linker: String) throws(ExecutorFailure) -> String {
    switch (linker, zig) {
    case ("gcc", _): return gcc
    case ("zig", let zig?): return zig
    default:
      throw ExecutorFailure(
        .infrastructure,
        "docker-cross: the image has no linker “\(linker)”; its container file must provide it")
    }
  }
}

/// An image that is ready to build in.
struct ToolchainImage: Equatable, Sendable {
  let id: String
  let name: String
  let toolchain: Toolchain

  /// Nil for an image without our labels.
  init?(_ facts: ImageFacts, name: String) {
    guard let toolchain = Toolchain(labels: facts.labels) else { return nil }
    id = facts.id
    self.name = name
    self.toolchain = toolchain
  }

  /// - Throws: ``ExecutorFailure`` where the image has no such linker.
  func identity(linker: String) throws(ExecutorFailure) -> EnvironmentIdentity {
    EnvironmentIdentity(
      digest: id, rustc: toolchain.rustc, cargo: toolchain.cargo,
      linker: try toolchain.line(ofLinker: linker), hostDigest: toolchain.hostDigest,
      facts: ["image": name])
  }
}

/// Collects what a short command prints on standard output.
final class OutputText: @unchecked Sendable {
  // @unchecked: `bytes` is touched only with `lock` held.
  private let lock = NSLock()
  private var bytes: [UInt8] = []

  func add(_ output: CommandOutput) {
    lock.withLock { if bytes.count < 1 << 16 { bytes += output.bytes } }
  }

  var text: String { lock.withLock { String(decoding: bytes, as: UTF8.self) } }
}
