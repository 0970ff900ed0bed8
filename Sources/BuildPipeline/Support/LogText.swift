/// Makes text of bytes that come in pieces, without tearing characters that lie across two pieces.
///
/// What is no UTF-8 becomes U+FFFD. So do characters that a terminal obeys (C0 and C1 but for tab and
/// line ends, and DEL): whoever reads the log of a foreign crate must not have their terminal's title,
/// colours or screen changed by it. NUL is one of them, which a database's text cannot hold either.
public struct LogText: Sendable {
  private var held: [UInt8] = []

  public init() {}

  /// The text of all bytes that are complete so far.
  public mutating func decode(_ bytes: some Collection<UInt8>) -> String {
    let all = held + bytes
    let complete = all.count - Self.unfinishedTail(of: all)
    held = Array(all[complete...])
    return Self.text(all[..<complete])
  }

  /// What is left at the end of the stream: U+FFFD for a character that never became whole.
  public mutating func finish() -> String {
    defer { held = [] }
    return Self.text(held[...])
  }

  /// How many bytes at the end begin a character whose rest may still come (RFC 3629, section 3).
  private static func unfinishedTail(of bytes: [UInt8]) -> Int {
    for count in 1...3 where count <= bytes.count {
      let byte = bytes[bytes.count - count]
      let length =
        switch byte {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 0
        }
      if length > 0 { return length > count ? count : 0 }
      if byte < 0x80 { return 0 }
    }
    return 0
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    shown(String(decoding: bytes, as: UTF8.self))
  }

  /// A text without what a terminal obeys.
  static func shown(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isObeyed) else { return text }
    var plain = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { plain.append(isObeyed(scalar) ? "\u{FFFD}" : scalar) }
    return String(plain)
  }

  /// Whether a terminal does something else with it than to show it (ECMA-48).
  private static func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A, 0x0D: false
    case 0x00...0x1F, 0x7F...0x9F: true
    default: false
    }
  }
}
