/// A package's name as it was published, checked before it forms a path or a URL.
///
/// crates.io's rules: ASCII letters, digits, `-` and `_`, at most 64 characters, first a letter (or
/// `_`, which other registries allow). Names that differ only in case or in `-`/`_` are one crate.
public struct CrateName: Sendable, Hashable, Codable, CustomStringConvertible {
  public let text: String

  /// Nil where the text breaks the rules.
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, bytes.count <= 64, Self.isLetter(first) || first == 95,
      bytes.allSatisfy({ Self.isLetter($0) || (48...57).contains($0) || $0 == 45 || $0 == 95 })
    else { return nil }
    self.text = String(text)
  }

  /// The form in which two names of one crate are equal: lower case, `_` for `-`.
  public var normalized: String { Self.normalize(text) }

  /// ``normalized`` of any text.
  public static func normalize(_ text: String) -> String {
    String(text.lowercased().map { $0 == "-" ? "_" : $0 })
  }

  public var description: String { text }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let name = CrateName(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "“\(text)” is no crate name")
    }
    self = name
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (65...90).contains(byte) || (97...122).contains(byte)
  }
}
