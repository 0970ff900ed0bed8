/// Which versions a recipe or a dependency accepts, by Cargo's rules
/// (doc.rust-lang.org/cargo/reference/specifying-dependencies.html): comparators joined by commas;
/// one without an operator means `^`.
public struct VersionRequirement: Sendable, Hashable, Codable, CustomStringConvertible {
  private struct Comparator: Sendable, Hashable {
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

  /// Nil where the text is no version requirement.
  public init?(_ text: String) {
    var comparators: [Comparator] = []
    let trimmed = text.filter { $0 != " " }
    if trimmed != "*" {
      for part in trimmed.split(separator: ",", omittingEmptySubsequences: false) {
        guard let comparator = Self.comparator(part) else { return nil }
        comparators.append(comparator)
      }
    }
    self.comparators = comparators
    self.description = text
  }

  /// Whether a version fulfils every comparator. A pre-release only counts where a comparator names
  /// a pre-release of the same three numbers, as in Cargo.
  public func accepts(_ version: Semver) -> Bool {
    guard comparators.allSatisfy({ Self.accepts($0, version) }) else { return false }
    guard version.isPrerelease else { return true }
    return comparators.contains {
      !$0.prerelease.isEmpty && $0.major == version.major && $0.minor == version.minor
        && $0.patch == version.patch
    }
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

  private static func comparator(_ text: Substring) -> Comparator? {
    var rest = text
    var operation = Comparator.Operator.caret
    for candidate in [">=", "<=", ">", "<", "=", "~", "^"] where rest.hasPrefix(candidate) {
      operation = Comparator.Operator(rawValue: candidate) ?? .caret
      rest.removeFirst(candidate.count)
      break
    }
    let plus = rest.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)[0]
    let dash = plus.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    var numbers = dash[0].split(separator: ".", omittingEmptySubsequences: false)
    while let last = numbers.last, ["*", "x", "X"].contains(last) {
      numbers.removeLast()
      operation = .wildcard
    }
    let values = numbers.compactMap { part in
      part.utf8.allSatisfy { (48...57).contains($0) } ? UInt64(part) : nil
    }
    guard (1...3).contains(values.count), values.count == numbers.count,
      dash.count == 1 || values.count == 3
    else { return nil }
    let prerelease = dash.count > 1 ? dash[1].split(separator: ".").map(String.init) : []
    return Comparator(
      operation: operation, major: values[0], minor: values.count > 1 ? values[1] : nil,
      patch: values.count > 2 ? values[2] : nil, prerelease: prerelease)
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
