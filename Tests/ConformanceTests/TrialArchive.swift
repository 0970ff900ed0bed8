import Cryptography
import Foundation
import Subprocess

/// Makes `.crate` files of folders.
enum TrialArchive {
  /// Packs a crate's folder without its fate, and returns the archive's SHA-256.
  ///
  /// By `tar`, not by the project's own writer, which knows no links.
  /// - Parameter links: symbolic links to add: path and destination.
  static func write(
    crate folder: String, name: String, version: String, links: [String: String] = [:],
    files: [String: String] = [:], to path: String
  ) async throws -> String {
    let manager = FileManager.default
    let stage = path + ".stage"
    defer { try? manager.removeItem(atPath: stage) }
    let root = "\(stage)/\(name)-\(version)"
    try manager.createDirectory(atPath: stage, withIntermediateDirectories: true)
    try manager.copyItem(atPath: folder, toPath: root)
    for (file, text) in files { try Data(text.utf8).write(to: URL(filePath: "\(root)/\(file)")) }
    for (link, destination) in links {
      try manager.createSymbolicLink(
        atPath: "\(root)/\(link)", withDestinationPath: destination)
    }
    let result = try await Subprocess.run(
      .name("tar"),
      arguments: [
        "--create", "--gzip", "--file", path, "--directory", stage, "--sort=name", "--owner=0",
        "--group=0", "--mtime=@0", "--exclude=\(name)-\(version)/fate.json", "\(name)-\(version)",
      ], output: .discarded, error: .string(limit: 4096))
    guard result.terminationStatus.isSuccess else {
      throw Lacking("tar cannot pack \(folder): \(result.standardError)")
    }
    return SHA256.hex(of: [UInt8](try Data(contentsOf: URL(filePath: path))))
  }
}
