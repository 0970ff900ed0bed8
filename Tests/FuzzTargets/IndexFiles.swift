import CrateRegistry
import FarmModel

/// The input is an index file.
func checkIndexFile(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
  let (entries, problems) = parseIndexFile(input)
  let lines = input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
  let filled = lines.count { line in line.contains { $0 > 0x20 } }
  try expect(
    entries.count + problems.count == filled,
    "\(filled) lines are \(entries.count) entries and \(problems.count) problems")
  var last = 0
  for problem in problems {
    try expect(
      last < problem.line && problem.line <= lines.count,
      "a problem of line \(problem.line) of \(lines.count) follows one of line \(last)")
    try expect(!problem.reason.isEmpty, "a problem of line \(problem.line) has no reason")
    last = problem.line
  }
  try checkEntries(entries)
  try checkLinesAlone(lines, entries, problems)
  try checkOwner(input, entries)
  return entries.isEmpty ? .refused : .accepted
}

private func checkEntries(_ entries: [IndexEntry]) throws(FuzzFinding) {
  for entry in entries {
    try expect(
      CrateName(entry.name.text) == entry.name, "\(entry.name) is no name of a crate")
    try expect(
      Semver(entry.version.description) == entry.version, "\(entry.version) is no version")
    let path = indexPath(for: entry.name)
    try expect(
      !path.hasPrefix("/") && !path.split(separator: "/").contains(".."),
      "the path of \(entry.name) leads out of the index: \(path)")
  }
}

/// What a line says does not depend on the lines around it.
private func checkLinesAlone(
  _ lines: [ArraySlice<UInt8>], _ entries: [IndexEntry], _ problems: [IndexProblem]
) throws(FuzzFinding) {
  guard lines.count <= 40 else { return }
  var alone: [IndexEntry] = []
  for (number, line) in lines.enumerated() {
    let result = parseIndexFile(line)
    alone += result.entries
    let expected = problems.filter { $0.line == number + 1 }.map(\.reason)
    try expect(
      result.problems.map(\.reason) == expected,
      "line \(number + 1) alone: \(result.problems); with the others: \(expected)")
  }
  try expect(alone == entries, "the lines one by one are other entries than all at once")
}

/// In the file of one crate, exactly the lines of other crates are refused.
private func checkOwner(_ input: [UInt8], _ entries: [IndexEntry]) throws(FuzzFinding) {
  guard let owner = entries.first?.name else { return }
  let own = entries.filter { $0.name.normalized == owner.normalized }
  let found = parseIndexFile(input, of: owner).entries
  try expect(found == own, "of \(own.count) entries of \(owner), \(found.count) are taken")
}
