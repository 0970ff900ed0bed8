/// Finds the one mistake in TOML that the parser, toml++, does not report but asserts away, which
/// would end the process: a table's header whose key begins with what no key may begin with, such as
/// `[` at the end of a line.
///
/// Before the first such header the text must be told apart as the parser does: a header stands at the
/// beginning of a line that is in no string and in no array (toml.io/en/v1.0.0). Behind any other
/// mistake, at which the parser stops, the answer does not matter.
struct TOMLHeaders {
  private let bytes: [UInt8]
  private var position = 0
  /// How many arrays and inline tables are open.
  private var depth = 0

  /// Where the first header without a key has something else; nil: there is none.
  static func firstWithoutKey(_ bytes: [UInt8]) -> (line: Int, column: Int)? {
    var headers = TOMLHeaders(bytes: bytes)
    while headers.position < bytes.count {
      if !headers.lineIsSound() { return headers.place }
    }
    return nil
  }

  private init(bytes: [UInt8]) {
    self.bytes = bytes
    // A byte order mark is no part of the first line.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private var place: (line: Int, column: Int) {
    let before = bytes[..<position]
    let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    return (1 + before.count { $0 == UInt8(ascii: "\n") }, 1 + text.unicodeScalars.count)
  }

  /// Reads a line, or several where a value goes on; false: it is a header without a key, and
  /// `position` is where the key should begin.
  private mutating func lineIsSound() -> Bool {
    skipBlanks()
    let isHeader = current == UInt8(ascii: "[")
    if isHeader {
      position += 1
      skipBlanks()
      if current == UInt8(ascii: "[") {
        position += 1
        skipBlanks()
      }
      // That there is none at all, the parser tells itself.
      if let byte = current, byte != UInt8(ascii: "]"), !Self.beginsKey(byte) { return false }
    }
    depth = 0
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString(byte)
      case UInt8(ascii: "#"): skipComment()
      case UInt8(ascii: "\n"):
        position += 1
        if depth <= 0 { return true }
      default:
        position += 1
        if !isHeader { depth += Self.nesting(byte) }
      }
    }
    return true
  }

  private static func beginsKey(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
      UInt8(ascii: "\""), UInt8(ascii: "'"):
      true
    default: false
    }
  }

  private static func nesting(_ byte: UInt8) -> Int {
    switch byte {
    case UInt8(ascii: "["), UInt8(ascii: "{"): 1
    case UInt8(ascii: "]"), UInt8(ascii: "}"): -1
    default: 0
    }
  }

  private mutating func skipBlanks() {
    while let byte = current, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") {
      position += 1
    }
  }

  private mutating func skipComment() {
    while let byte = current, byte != UInt8(ascii: "\n") { position += 1 }
  }

  /// Skips a string of one or of several lines. One that ends nowhere, or a short one that meets the
  /// end of its line, is a mistake that the parser reports.
  private mutating func skipString(_ quote: UInt8) {
    let isLong = bytes[position...].starts(with: [quote, quote, quote])
    position += isLong ? 3 : 1
    while let byte = current {
      if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
        position += 2
      } else if byte == UInt8(ascii: "\n"), !isLong {
        return
      } else if byte == quote, !isLong {
        position += 1
        return
      } else if bytes[position...].starts(with: [quote, quote, quote]) {
        // Up to two quotes before the end are the string's own.
        let run = bytes[position...].prefix(5).prefix { $0 == quote }.count
        position += run
        return
      } else {
        position += 1
      }
    }
  }
}
