import Foundation

/// What the pipeline reads of a line of `cargo build --message-format=json`
/// (the Cargo book, "External tools").
enum CargoMessage: Equatable {
  /// A binary was built; the path is the environment's.
  case binary(name: String, path: String)
  /// Another message.
  case other
  /// Not one of Cargo's messages: something that a build printed.
  case text

  private struct Line: Decodable {
    struct Target: Decodable {
      let name: String
      let kind: [String]
    }
    let reason: String
    let target: Target?
    let executable: String?
  }

  static func parse(_ line: String) -> CargoMessage {
    guard line.hasPrefix("{"),
      let message = try? JSONDecoder().decode(Line.self, from: Data(line.utf8))
    else { return .text }
    guard message.reason == "compiler-artifact", let target = message.target,
      target.kind.contains("bin"), let path = message.executable
    else { return .other }
    return .binary(name: target.name, path: path)
  }
}
