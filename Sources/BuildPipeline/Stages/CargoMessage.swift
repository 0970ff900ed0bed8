import Foundation

/// What the pipeline reads of a line of `cargo build --message-format=json`
/// (the Cargo book, "External tools").
enum CargoMessage: Equatable {
  /// A binary was built; the path is the environment's.
  case binary(name: String, path: String)
  /// The package's own build script has run; the folder that it writes to is the environment's.
  case buildScript(folder: String)
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
    let packageID: String?
    let outputFolder: String?

    enum CodingKeys: String, CodingKey {
      case reason, target, executable
      case packageID = "package_id"
      case outputFolder = "out_dir"
    }
  }

  static func parse(_ line: String) -> CargoMessage {
    guard line.hasPrefix("{"),
      let message = try? JSONDecoder().decode(Line.self, from: Data(line.utf8))
    else { return .text }
    if message.reason == "build-script-executed", let folder = message.outputFolder,
      isOfTheCrate(message.packageID ?? "")
    {
      return .buildScript(folder: folder)
    }
    guard message.reason == "compiler-artifact", let target = message.target,
      target.kind.contains("bin"), let path = message.executable
    else { return .other }
    return .binary(name: target.name, path: path)
  }

  /// Cargo's package ids end in `#NAME@VERSION` or, before 1.77, are `NAME VERSION (SOURCE)`. All
  /// other packages are in `/build/vendor`.
  private static func isOfTheCrate(_ packageID: String) -> Bool {
    packageID.hasPrefix("path+file:///build/crate#")
      || packageID.hasSuffix("(path+file:///build/crate)")
  }
}
