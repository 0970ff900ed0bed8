public import FarmModel
import Foundation

/// A crate's file that a commit has, or that differs between two commits.
public struct GitChange: Sendable, Equatable {
  /// The last part of its path, which is the crate's name in lower case.
  public let crate: CrateName
  /// The object in the older commit; nil: it has no such file.
  public let old: String?
  /// The object in the newer commit; nil: it has no such file.
  public let new: String?

  public init(crate: CrateName, old: String?, new: String?) {
    self.crate = crate
    self.old = old
    self.new = new
  }

  /// The older commit has the crate and the newer one does not: its file is gone, or has no byte.
  public var isDeletion: Bool { Self.hasContent(old) && !Self.hasContent(new) }

  private static func hasContent(_ object: String?) -> Bool {
    object.map { !emptyObjects.contains($0) } ?? false
  }

  /// The names of a file without a byte, by SHA-1 and SHA-256.
  private static let emptyObjects: Set = [
    "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
  ]
}

extension GitIndex {
  /// All crates' files of a commit, in the order of their paths. Other files are left out.
  public func crates(at commit: String) async throws(RegistryError) -> [GitChange] {
    GitOutput.tree(
      try await git.run(["ls-tree", "-r", "-z", "--full-tree", commit], limit: Self.listLimit))
  }

  /// The crates' files that differ between two commits, in the order of their paths.
  public func changes(
    from old: String, to new: String
  ) async throws(RegistryError) -> [GitChange] {
    GitOutput.difference(
      try await git.run(
        ["diff-tree", "-r", "-z", "--raw", "--no-renames", old, new], limit: Self.listLimit))
  }

  /// Some million files.
  private static let listLimit = 512 << 20
}

/// What `git` prints. Pure.
enum GitOutput {
  /// `MODE blob OBJECT\tPATH\0`…
  static func tree(_ output: [UInt8]) -> [GitChange] {
    var changes: [GitChange] = []
    for record in output.split(separator: 0) {
      guard let tab = record.firstIndex(of: 9) else { continue }
      let words = record[..<tab].split(separator: 32)
      guard words.count == 3, words[0].starts(with: Self.regularFile),
        let crate = crate(ofPath: record[(tab + 1)...])
      else { continue }
      changes.append(
        GitChange(crate: crate, old: nil, new: String(decoding: words[2], as: UTF8.self)))
    }
    return changes
  }

  /// `:MODE MODE OBJECT OBJECT STATUS\0PATH\0`…
  static func difference(_ output: [UInt8]) -> [GitChange] {
    var changes: [GitChange] = []
    let records = output.split(separator: 0)
    for (record, path) in zip(records, records.dropFirst()) where record.first == 58 {
      let words = record.dropFirst().split(separator: 32)
      guard words.count == 5, let crate = crate(ofPath: path) else { continue }
      func object(_ mode: Int, _ object: Int) -> String? {
        words[mode].starts(with: Self.regularFile)
          ? String(decoding: words[object], as: UTF8.self) : nil
      }
      changes.append(GitChange(crate: crate, old: object(0, 2), new: object(1, 3)))
    }
    return changes
  }

  /// `100644` and `100755`; links, folders and submodules have other types.
  private static let regularFile = Array("100".utf8)

  /// The crate whose file this is; nil: the path is no crate's, such as `config.json`.
  private static func crate(ofPath path: ArraySlice<UInt8>) -> CrateName? {
    guard let slash = path.lastIndex(of: 47) else { return nil }
    let name = String(decoding: path[(slash + 1)...], as: UTF8.self)
    guard let crate = CrateName(name), indexPath(for: crate).utf8.elementsEqual(path) else {
      return nil
    }
    return crate
  }
}
