import FarmModel

/// The releases that a simple version requirement accepts, as far as they lie side by side: enough to see
/// that one requirement accepts nothing, or nothing that another one does not.
struct VersionInterval: Equatable {
  /// Three numbers in their order of precedence.
  struct Release: Comparable {
    var major: UInt64
    var minor: UInt64 = 0
    var patch: UInt64 = 0

    static func < (left: Release, right: Release) -> Bool {
      (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }
  }

  /// The first release within.
  private(set) var lowest = Release(major: 0)
  /// The first release beyond; nil: none is.
  private(set) var end: Release?

  /// Every release.
  static let all = VersionInterval()

  private init() {}

  /// Nil where a requirement is more than comparators of plain numbers: nothing is said of pre-releases.
  init?(_ requirement: VersionRequirement) {
    let text = requirement.description.filter { $0 != " " }
    guard text != "*" else { return }
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let bounds = Self.bounds(of: part) else { return nil }
      lowest = max(lowest, bounds.lowest)
      if let other = bounds.end { end = min(end ?? other, other) }
    }
  }

  /// Whether no release is within.
  var isEmpty: Bool { end.map { $0 <= lowest } ?? false }

  /// Whether all releases of another one are within.
  func covers(_ other: VersionInterval) -> Bool {
    guard lowest <= other.lowest else { return false }
    guard let end else { return true }
    return other.end.map { $0 <= end } ?? false
  }

  private static func bounds(of comparator: Substring) -> (lowest: Release, end: Release?)? {
    let operation = comparator.prefix { "<>=~^".contains($0) }
    var parts = comparator.dropFirst(operation.count)
      .split(separator: ".", omittingEmptySubsequences: false)
    let count = parts.count
    while let last = parts.last, ["*", "x", "X"].contains(last) { parts.removeLast() }
    let isWildcard = parts.count < count
    let numbers = parts.compactMap { part in
      part.utf8.allSatisfy { (48...57).contains($0) } ? UInt64(part) : nil
    }
    guard numbers.count == parts.count, (1...3).contains(numbers.count),
      !isWildcard || operation.isEmpty
    else { return nil }
    let first = Release(
      major: numbers[0], minor: numbers.count > 1 ? numbers[1] : 0,
      patch: numbers.count > 2 ? numbers[2] : 0)
    // The number after which nothing that was given may differ.
    guard let beyond = next(first, after: numbers.count) else { return nil }
    switch isWildcard ? "=" : operation {
    case "=": return (first, beyond)
    case ">": return (beyond, nil)
    case ">=": return (first, nil)
    case "<": return (Release(major: 0), first)
    case "<=": return (Release(major: 0), beyond)
    case "~": return next(first, after: min(numbers.count, 2)).map { (first, $0) }
    case "^", "":
      let significant = (numbers.firstIndex { $0 > 0 } ?? numbers.count - 1) + 1
      return next(first, after: significant).map { (first, $0) }
    default: return nil
    }
  }

  /// The first release of which the `count`th number is higher; nil: there is none.
  private static func next(_ release: Release, after count: Int) -> Release? {
    let number = [release.major, release.minor, release.patch][count - 1]
    let (higher, overflows) = number.addingReportingOverflow(1)
    guard !overflows else { return nil }
    return switch count {
    case 1: Release(major: higher)
    case 2: Release(major: release.major, minor: higher)
    default: Release(major: release.major, minor: release.minor, patch: higher)
    }
  }
}
