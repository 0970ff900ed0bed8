internal import CDigest
public import ExecutorKit
import Foundation

/// Everything that a root file system is made of; its digest is the folder's name.
///
/// Versions of packages are not in it, as they are not in that of an image: what was made stays until
/// somebody removes it. What it is made of, to the byte, is in ``RootFacts/digest``.
public struct RootRecipe: Sendable, Equatable {
  /// The first word of the folder's name.
  public let name: String
  /// The script that makes it.
  let script: String
  /// The script's arguments behind the folder.
  let arguments: [String]
  /// All files that decide, by their names, with their contents.
  let files: [String: String]

  /// - Parameters:
  ///   - folder: The script's folder, of which every file decides, relative to `filesDirectory`.
  ///   - packages: More Debian packages.
  /// - Throws: ``ExecutorFailure`` where the files cannot be read, or a package's name is none.
  public init(
    name: String, folder: String, filesDirectory: String, arguments: [String] = [],
    packages: [String] = []
  ) throws(ExecutorFailure) {
    if let bad = packages.first(where: { !SystemPackage.isDebianName($0) }) {
      throw ExecutorFailure(.infrastructure, "\(folder): “\(bad)” is no Debian package name")
    }
    self.name = name
    script = "\(filesDirectory)/\(folder)/make_root.sh"
    self.arguments = arguments + Set(packages).sorted()
    var files: [String: String] = [:]
    for folder in [folder, "root-file-system"] {
      let path = "\(filesDirectory)/\(folder)"
      let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
      for name in names where name.hasSuffix(".sh") {
        files["\(folder)/\(name)"] = try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
      }
    }
    guard files["\(folder)/make_root.sh"] != nil, files["root-file-system/lib.sh"] != nil else {
      throw ExecutorFailure(
        .infrastructure,
        "cannot read \(script) and what belongs to it;"
          + " is the builder's files directory right?")
    }
    self.files = files
  }

  /// The folder's name in a module's cache.
  public var folderName: String { "\(name)-\(digest.prefix(32))" }

  /// SHA-256 over every part, each behind its length so that no two recipes read the same.
  var digest: String {
    let parts = ["1"] + arguments + files.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    let bytes = parts.flatMap { Array("\($0.utf8.count):\($0)".utf8) }
    var digest = [UInt8](repeating: 0, count: 32)
    SHA256(bytes, bytes.count, &digest)
    return digest.map { byte in
      let text = String(byte, radix: 16)
      return text.count == 1 ? "0" + text : text
    }.joined()
  }
}
