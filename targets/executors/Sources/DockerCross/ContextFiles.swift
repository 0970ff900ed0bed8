import ExecutorKit
import Foundation

/// What the engine is given to build an image: the container file and the files beside it.
struct ContextFiles: Equatable, Sendable {
  /// Contents by name.
  let files: [String: [UInt8]]
  /// The container file's name.
  let containerfile: String

  /// Reads the container file and everything that is in its folder; folders in it are not.
  /// - Throws: ``ExecutorFailure`` where a file cannot be read.
  init(containerfile path: String) throws(ExecutorFailure) {
    let url = URL(filePath: path)
    let folder = url.deletingLastPathComponent().path
    containerfile = url.lastPathComponent
    var files: [String: [UInt8]] = [:]
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder),
        !isFolder.boolValue, name.utf8.count < 100
      else { continue }
      files[name] = try Self.read("\(folder)/\(name)")
    }
    if files[containerfile] == nil { files[containerfile] = try Self.read(path) }
    self.files = files
  }

  /// One container file and nothing else.
  init(text: String) {
    containerfile = "Containerfile"
    files = [containerfile: Array(text.utf8)]
  }

  /// Whether the container file has a stage of this name.
  func hasStage(_ name: String) -> Bool {
    String(decoding: files[containerfile] ?? [], as: UTF8.self).split(separator: "\n").contains {
      let words = $0.split(separator: " ").map { $0.lowercased() }
      return words.first == "from" && words.suffix(2) == ["as", name]
    }
  }

  private static func read(_ path: String) throws(ExecutorFailure) -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ExecutorFailure(
        .infrastructure,
        "docker-cross: cannot read the file \(path); is the builder's files directory right?")
    }
    return Array(data)
  }
}
