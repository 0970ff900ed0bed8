/// The SHA-256 of a `.crate` as 64 lower-case hexadecimal digits, checked before it forms a path or URL.
public struct CrateChecksum: Sendable, Hashable, CustomStringConvertible {
  /// The digits.
  public let hex: String

  /// Nil where the text is not 64 hexadecimal digits (of either case).
  public init?(_ text: some StringProtocol) {
    guard text.utf8.count == 64,
      text.utf8.allSatisfy({
        (48...57).contains($0) || (97...102).contains($0) || (65...70).contains($0)
      })
    else { return nil }
    hex = text.utf8.contains { $0 < 97 && $0 > 64 } ? text.lowercased() : String(text)
  }

  public var description: String { hex }

  /// Where a crate of this checksum lies below a crate store: `ab/abcd…`.
  public var storePath: String { "\(hex.prefix(2))/\(hex)" }
}
