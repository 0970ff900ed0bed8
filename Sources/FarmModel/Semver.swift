/// A semantic version (semver.org 2.0.0), ordered by precedence.
///
/// `==` compares every part including build metadata, as crates.io tells versions apart; `<` follows
/// precedence and falls back on the metadata's text, so that the order is total.
public struct Semver: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  public let major: UInt64
  public let minor: UInt64
  public let patch: UInt64
  /// Dot-separated identifiers behind `-`; empty for a release.
  public let prerelease: [String]
  /// What stands behind `+`; it has no meaning for precedence.
  public let build: String

  public init(_ major: UInt64, _ minor: UInt64, _ patch: UInt64, prerelease: [String] = []) {
    self.major = major
    self.minor = minor
    self.patch = patch
    self.prerelease = prerelease
    self.build = ""
  }

  /// Nil where the text is no semantic version or is longer than 255 bytes.
  public init?(_ text: some StringProtocol) {
    if let plain = Self.plain(text.utf8) {
      self = plain
      return
    }
    guard text.utf8.count <= 255 else { return nil }
    let plus = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
    let dash = plus[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    let numbers = dash[0].split(separator: ".", omittingEmptySubsequences: false)
    guard numbers.count == 3, let major = Self.number(numbers[0]),
      let minor = Self.number(numbers[1]), let patch = Self.number(numbers[2])
    else { return nil }
    let prerelease =
      dash.count > 1 ? dash[1].split(separator: ".", omittingEmptySubsequences: false) : []
    let build = plus.count > 1 ? String(plus[1]) : ""
    guard prerelease.allSatisfy({ Self.isPrereleaseIdentifier($0) }),
      plus.count == 1
        || build.split(separator: ".", omittingEmptySubsequences: false)
          .allSatisfy({ Self.isIdentifier($0) })
    else { return nil }
    self.major = major
    self.minor = minor
    self.patch = patch
    self.prerelease = prerelease.map { String($0) }
    self.build = build
  }

  /// Three numbers and nothing else, as nearly all versions are: read without taking memory.
  private static func plain(_ bytes: some Collection<UInt8>) -> Semver? {
    var numbers: (UInt64, UInt64, UInt64) = (0, 0, 0)
    var current: UInt64 = 0
    var digits = 0
    var dots = 0
    for byte in bytes {
      if byte == 46, digits > 0, dots < 2 {
        if dots == 0 { numbers.0 = current } else { numbers.1 = current }
        (current, digits, dots) = (0, 0, dots + 1)
      } else if (48...57).contains(byte), digits < 18, digits == 0 || current > 0 {
        current = current * 10 + UInt64(byte - 48)
        digits += 1
      } else {
        return nil
      }
    }
    guard dots == 2, digits > 0 else { return nil }
    numbers.2 = current
    return Semver(numbers.0, numbers.1, numbers.2)
  }

  public var isPrerelease: Bool { !prerelease.isEmpty }

  public var description: String {
    var text = "\(major).\(minor).\(patch)"
    if isPrerelease { text += "-" + prerelease.joined(separator: ".") }
    return build.isEmpty ? text : text + "+" + build
  }

  public static func < (left: Semver, right: Semver) -> Bool {
    let leftNumbers = (left.major, left.minor, left.patch)
    let rightNumbers = (right.major, right.minor, right.patch)
    if leftNumbers != rightNumbers { return leftNumbers < rightNumbers }
    if left.prerelease != right.prerelease { return left.prereleasePrecedes(right) }
    return left.build < right.build
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let version = Semver(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "“\(text)” is no semantic version")
    }
    self = version
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  /// Section 11 of the specification: a release follows its pre-releases; numbers come before words.
  private func prereleasePrecedes(_ other: Semver) -> Bool {
    if prerelease.isEmpty || other.prerelease.isEmpty { return !prerelease.isEmpty }
    for (mine, theirs) in zip(prerelease, other.prerelease) where mine != theirs {
      switch (Self.number(mine[...]), Self.number(theirs[...])) {
      case (let left?, let right?): return left < right
      case (_?, nil): return true
      case (nil, _?): return false
      case (nil, nil): return mine.utf8.lexicographicallyPrecedes(theirs.utf8)
      }
    }
    return prerelease.count < other.prerelease.count
  }

  /// A number without leading zeros.
  private static func number(_ text: some StringProtocol) -> UInt64? {
    guard text == "0" || text.first != "0", !text.isEmpty,
      text.utf8.allSatisfy({ (48...57).contains($0) })
    else { return nil }
    return UInt64(text)
  }

  private static func isIdentifier(_ text: some StringProtocol) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 45
      }
  }

  private static func isPrereleaseIdentifier(_ text: some StringProtocol) -> Bool {
    let isNumeric = text.utf8.allSatisfy { (48...57).contains($0) }
    return isIdentifier(text) && (!isNumeric || text == "0" || text.first != "0")
  }
}

extension Sequence<Semver> {
  /// What `latest` means: the highest release, else the highest pre-release.
  public var latest: Semver? { filter { !$0.isPrerelease }.max() ?? self.max() }
}
