public import FarmModel
import Foundation

/// A line of an index file that was not taken.
public struct IndexProblem: Sendable, Equatable, CustomStringConvertible {
  /// The line, from 1.
  public let line: Int
  /// What is wrong with it.
  public let reason: String

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
  let decoder = JSONDecoder()
  let lines = Array(bytes).split(separator: 0x0A, omittingEmptySubsequences: false)
  for (index, line) in lines.enumerated() where line.contains(where: { $0 > 0x20 }) {
    do {
      entries.append(try parseIndexLine(line, of: crate, by: decoder))
    } catch {
      problems.append(IndexProblem(line: index + 1, reason: reason(of: error)))
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
  switch name.count {
  case 1, 2: "\(name.count)"
  case 3: "3/\(name.prefix(1))"
  default: "\(name.prefix(2))/\(name.dropFirst(2).prefix(2))"
  }
}

/// Only the format of a line: the rest of a newer one may be anything.
private struct LineFormat: Decodable {
  let v: Int?
}

private struct LineProblem: Error { let reason: String }

private func parseIndexLine(
  _ line: ArraySlice<UInt8>, of crate: CrateName?, by decoder: JSONDecoder
) throws -> IndexEntry {
  let data = Data(line)
  let format = try decoder.decode(LineFormat.self, from: data).v ?? 1
  guard (1...IndexEntry.newestFormat).contains(format) else {
    throw LineProblem(reason: "the line has the format \(format); this program knows 1 and 2")
  }
  let entry = try decoder.decode(IndexEntry.self, from: data)
  if let crate, entry.name.normalized != crate.normalized {
    throw LineProblem(reason: "the line is of the crate '\(entry.name)', not '\(crate)'")
  }
  return entry
}

private func reason(of error: any Error) -> String {
  func at(_ path: [any CodingKey]) -> String {
    path.isEmpty ? "" : "\(path.map(\.stringValue).joined(separator: ".")): "
  }
  switch error {
  case let problem as LineProblem: return problem.reason
  case DecodingError.keyNotFound(let key, let context):
    return "\(at(context.codingPath))the field '\(key.stringValue)' is missing"
  case DecodingError.typeMismatch(let type, let context):
    return "\(at(context.codingPath))expected \(type)"
  case DecodingError.valueNotFound(let type, let context):
    return "\(at(context.codingPath))expected \(type), found null"
  case DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty:
    return at(context.codingPath) + context.debugDescription
  default: return "the line is no JSON object"
  }
}
