/// Which versions a recipe or a dependency accepts, by Cargo's rules
/// (doc.rust-lang.org/cargo/reference/specifying-dependencies.html): comparators joined by commas;
/// one without an operator means `^`.
public struct VersionRequirement: Sendable, Hashable, Codable, CustomStringConvertible {
  fileprivate struct Comparator: Sendable, Hashable {
    enum Operator: String {
      case exact = "="
      case greater = ">"
      case atLeast = ">="
      case less = "<"
      case atMost = "<="
      case tilde = "~"
      case caret = "^"
      case wildcard = "*"
    }
    var operation: Operator
    var major: UInt64
    var minor: UInt64?
    var patch: UInt64?
    var prerelease: [String]
  }

  private let comparators: [Comparator]
  public let description: String

  /// Cargo takes no more comparators.
  private static let mostComparators = 32

  /// Nil where Cargo would refuse the text: spaces stand only at the beginning, behind an operator and
  /// around commas, numbers have no leading zeros, `*` is alone or follows a dot.
  public init?(_ text: String) {
    description = text
    var rest = text.drop { $0 == " " }
    if let first = rest.first, Self.isWildcard(first) {
      guard rest.dropFirst().allSatisfy({ $0 == " " }) else { return nil }
      comparators = []
      return
    }
    var comparators: [Comparator] = []
    while true {
      guard let comparator = Comparator(readingFrom: &rest),
        comparators.count < Self.mostComparators
      else { return nil }
      comparators.append(comparator)
      guard !rest.isEmpty else { break }
      guard rest.removeFirst() == "," else { return nil }
      rest = rest.drop { $0 == " " }
    }
    self.comparators = comparators
  }

  /// Whether a comparator names a pre-release of the version's own three numbers.
  public func namesPrerelease(of version: Semver) -> Bool {
    comparators.contains {
      !$0.prerelease.isEmpty && $0.major == version.major && $0.minor == version.minor
        && $0.patch == version.patch
    }
  }

  /// Whether a version fulfils every comparator. A pre-release only counts where a comparator names
  /// a pre-release of the same three numbers, as in Cargo.
  public func accepts(_ version: Semver) -> Bool {
    guard comparators.allSatisfy({ Self.accepts($0, version) }) else { return false }
    return !version.isPrerelease || namesPrerelease(of: version)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let requirement = VersionRequirement(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "“\(text)” is no version requirement")
    }
    self = requirement
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  fileprivate static func isWildcard(_ character: Character) -> Bool {
    character == "*" || character == "x" || character == "X"
  }

  private static func accepts(_ comparator: Comparator, _ version: Semver) -> Bool {
    let lowest = Semver(
      comparator.major, comparator.minor ?? 0, comparator.patch ?? 0,
      prerelease: comparator.prerelease)
    switch comparator.operation {
    case .atLeast: return version >= lowest
    case .less: return version < lowest
    case .greater: return version > lowest && !isWithin(comparator, version)
    case .atMost: return version <= lowest || isWithin(comparator, version)
    case .exact, .wildcard: return version >= lowest && isWithin(comparator, version)
    case .tilde:
      return version >= lowest && version.major == comparator.major
        && (comparator.minor == nil || version.minor == comparator.minor)
    case .caret: return version >= lowest && isCompatible(comparator, version)
    }
  }

  /// Whether every number that the comparator gives is the version's.
  private static func isWithin(_ comparator: Comparator, _ version: Semver) -> Bool {
    version.major == comparator.major
      && (comparator.minor == nil || comparator.minor == version.minor)
      && (comparator.patch == nil
        || (comparator.patch == version.patch && comparator.prerelease == version.prerelease))
  }

  /// Whether nothing left of and including the first non-zero given number differs.
  private static func isCompatible(_ comparator: Comparator, _ version: Semver) -> Bool {
    guard version.major == comparator.major else { return false }
    guard comparator.major == 0, let minor = comparator.minor else { return true }
    guard version.minor == minor else { return false }
    guard minor == 0, let patch = comparator.patch else { return true }
    return version.patch == patch
  }
}

extension VersionRequirement.Comparator {
  /// Longer ones before those that they begin with.
  private static let written: [Operator] = [
    .atLeast, .atMost, .greater, .less, .exact, .tilde, .caret,
  ]

  /// Reads the comparator that a text begins with and the spaces behind it, and leaves the rest.
  fileprivate init?(readingFrom rest: inout Substring) {
    let written = Self.written.first { [rest] in rest.hasPrefix($0.rawValue) }
    if let written {
      rest.removeFirst(written.rawValue.count)
      rest = rest.drop { $0 == " " }
    }
    let text = rest.prefix { $0 != " " && $0 != "," }
    rest = rest.dropFirst(text.count).drop { $0 == " " }
    let core = text.prefix { $0 != "-" && $0 != "+" }
    var numbers = core.split(separator: ".", omittingEmptySubsequences: false)
    guard numbers.count <= 3 else { return nil }
    let given = numbers.count
    while numbers.count > 1, numbers.last.map({ $0.count == 1 }) == true,
      let last = numbers.last?.first, VersionRequirement.isWildcard(last)
    {
      numbers.removeLast()
    }
    // The three numbers are read as those of a version, so that the same are refused.
    let zeros = Array(repeating: "0", count: 3 - numbers.count).map { $0[...] }
    let isWhole = core.count == text.count || numbers.count == 3
    let suffix = text.dropFirst(core.count)
    guard isWhole, let version = Semver((numbers + zeros).joined(separator: ".") + suffix) else {
      return nil
    }
    self.init(
      operation: written ?? (numbers.count < given ? .wildcard : .caret), major: version.major,
      minor: numbers.count > 1 ? version.minor : nil,
      patch: numbers.count > 2 ? version.patch : nil, prerelease: version.prerelease)
  }
}
