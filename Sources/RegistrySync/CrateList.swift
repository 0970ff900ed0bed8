import Blocking
import FarmModel
import Foundation

/// The crates to follow.
struct CrateList: Sendable, Equatable {
  /// Each once, in the order in which they were named.
  private(set) var names: [CrateName] = []
  private(set) var problems: [SyncProblem] = []
  private var seen: Set<String> = []

  init(_ names: [CrateName] = []) {
    for name in names { add(name) }
  }

  /// Adds the names of a file: one a line; empty lines and what follows `#` do not count.
  mutating func add(lines text: String, of file: String) {
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
      let word = line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespacesAndNewlines)
      guard !word.isEmpty else { continue }
      if let name = CrateName(word) {
        add(name)
      } else {
        problems.append(
          SyncProblem(crate: word, reason: "\(file) line \(index + 1): no crate has such a name"))
      }
    }
  }

  private mutating func add(_ name: CrateName) {
    if seen.insert(name.normalized).inserted { names.append(name) }
  }

  /// The crates of a configuration, its file included.
  /// - Throws: ``SyncError/cratesFile(path:reason:)``, ``SyncError/noCrates``.
  static func load(_ configuration: SyncConfiguration) async throws(SyncError) -> CrateList {
    var list = CrateList(configuration.crates)
    if let path = configuration.cratesFile {
      list.add(lines: try await read(path), of: path)
    }
    guard !list.names.isEmpty else { throw .noCrates }
    return list
  }

  private static func read(_ path: String) async throws(SyncError) -> String {
    try await offCooperativePool { () throws(SyncError) in
      do {
        return try String(contentsOfFile: path, encoding: .utf8)
      } catch {
        throw .cratesFile(path: path, reason: error.localizedDescription)
      }
    }
  }
}
