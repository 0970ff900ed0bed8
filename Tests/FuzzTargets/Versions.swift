import FarmModel

/// The first line of the input is a version requirement, each other line a version.
func checkVersions(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
  let lines = String(decoding: input, as: UTF8.self).split(
    separator: "\n", maxSplits: 24, omittingEmptySubsequences: false)
  var versions: [Semver] = []
  for line in lines.dropFirst() {
    if let version = try version(line) { versions.append(version) }
  }
  try checkOrder(versions)
  let latest = versions.latest
  try expect(
    latest.map { !$0.isPrerelease }
      == (versions.isEmpty ? nil : versions.contains { !$0.isPrerelease }),
    "the latest of \(versions) is \(latest.map { "\($0)" } ?? "none")")
  for version in versions { try checkOwnRequirements(version) }
  if let requirement = VersionRequirement(String(lines[0])) {
    try checkRequirement(requirement, versions)
    return .accepted
  }
  return versions.isEmpty ? .refused : .accepted
}

/// A version has one spelling.
private func version(_ text: Substring) throws(FuzzFinding) -> Semver? {
  guard let version = Semver(text) else { return nil }
  try expect(version.description == text, "“\(text)” is read as \(version)")
  return version
}

/// `<` is a total order in which `==` is the only tie.
private func checkOrder(_ versions: [Semver]) throws(FuzzFinding) {
  for left in versions {
    for right in versions {
      let holding = [left < right, left == right, left > right].count { $0 }
      try expect(holding == 1, "\(left) and \(right): \(holding) of <, == and > hold")
    }
  }
  let sorted = versions.sorted()
  for (index, left) in sorted.enumerated() {
    for right in sorted[index...] {
      try expect(left <= right, "sorted, \(left) comes before \(right), but is not smaller")
    }
  }
}

/// What each operator says of the very version that it names.
private func checkOwnRequirements(_ version: Semver) throws(FuzzFinding) {
  let operators = ["=": true, ">=": true, "<=": true, "^": true, "~": true, ">": false, "<": false]
  for (operation, isAccepted) in operators {
    let text = "\(operation)\(version)"
    guard let requirement = VersionRequirement(text) else {
      throw FuzzFinding("“\(text)” is no requirement")
    }
    try expect(
      requirement.accepts(version) == isAccepted,
      "“\(text)” \(isAccepted ? "refuses" : "accepts") \(version)")
  }
}

/// A list of comparators accepts a release that each of them accepts.
private func checkRequirement(_ requirement: VersionRequirement, _ versions: [Semver])
  throws(FuzzFinding)
{
  let text = requirement.description
  try expect(VersionRequirement(text) == requirement, "“\(text)” is read differently again")
  let parts = text.split(separator: ",").map { VersionRequirement(String($0)) }
  for version in versions where !version.isPrerelease {
    let each = parts.allSatisfy { $0?.accepts(version) ?? false }
    try expect(
      requirement.accepts(version) == each, "“\(text)” and its parts disagree on \(version)")
  }
}
