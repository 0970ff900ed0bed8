public import FarmModel

/// A line of an index file that was not taken.
public struct IndexProblem: Sendable, Equatable, CustomStringConvertible {
  /// The line, from 1.
  public let line: Int
  /// What is wrong with it.
  public let reason: String
  /// The version that the line is of, where that can be read.
  public let version: Semver?

  public var description: String { "line \(line): \(reason)" }
}

/// Reads an index file: one JSON object a line. A bad line is a problem, the others count.
///
/// - Parameter crate: the crate whose file this is; lines of another crate are problems.
public func parseIndexFile(
  _ bytes: some Sequence<UInt8>, of crate: CrateName? = nil
) -> (entries: [IndexEntry], problems: [IndexProblem]) {
  var entries: [IndexEntry] = []
  var problems: [IndexProblem] = []
  IndexFileReader().read(Array(bytes), of: crate) { line in
    switch line {
    case .entry(let entry, _): entries.append(entry)
    case .problem(let problem): problems.append(problem)
    }
  }
  return (entries, problems)
}

/// The path of a crate's file in an index: `1/a`, `2/ab`, `3/a/abc`, `ab/cd/abcdef`.
public func indexPath(for name: CrateName) -> String {
  indexPrefix(of: name.text.lowercased()) + "/" + name.text.lowercased()
}

/// The folders before the name in an index path, in the case of the name.
func indexPrefix(of name: String) -> String {
  switch name.utf8.count {
  case 1, 2: "\(name.utf8.count)"
  case 3: "3/\(name.prefix(1))"
  default: "\(name.prefix(2))/\(name.dropFirst(2).prefix(2))"
  }
}
