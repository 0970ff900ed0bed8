import ExecutorKit
import Foundation

/// The tools of an image, by their version lines.
struct Toolchain: Equatable, Sendable {
  var rustc: String
  var cargo: String
  var linker: String

  private static let prefix = "rs.builds.toolchain."

  /// Reads three lines: rustc, cargo, linker.
  init?(lines: String) {
    let lines = lines.split(whereSeparator: \.isNewline).map(String.init)
    guard lines.count == 3, lines[0].hasPrefix("rustc "), lines[1].hasPrefix("cargo ") else {
      return nil
    }
    (rustc, cargo, linker) = (lines[0], lines[1], lines[2])
  }

  /// Reads an image's labels.
  init?(labels: [String: String]) {
    guard let rustc = labels[Self.prefix + "rustc"], let cargo = labels[Self.prefix + "cargo"],
      let linker = labels[Self.prefix + "linker"]
    else { return nil }
    (self.rustc, self.cargo, self.linker) = (rustc, cargo, linker)
  }

  var labels: [String: String] {
    [
      Self.prefix + "rustc": rustc, Self.prefix + "cargo": cargo, Self.prefix + "linker": linker,
    ]
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

  var identity: EnvironmentIdentity {
    EnvironmentIdentity(
      digest: id, rustc: toolchain.rustc, cargo: toolchain.cargo, linker: toolchain.linker,
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
