/// Finds the mistakes in TOML that the parser, toml++, does not report but asserts away, which would end
/// the process:
/// - a table's header whose key begins with what no key may begin with, such as `[` at a line's end;
/// - a `}` where an array has a value;
/// - a date behind which a time begins with no digit, or has one digit;
/// - spaces and line breaks beyond ASCII where an array has a value; beyond ASCII there are only strings
///   and comments.
///
/// Before the first of them the text must be told apart as the parser does: a header stands at the
/// beginning of a line that is in no string and in no array (toml.io/en/v1.0.0). Behind any other
/// mistake, at which the parser stops, the answer does not matter.
struct TOMLPitfalls {
  private let bytes: [UInt8]
  private var position = 0
  /// The brackets and braces that are open.
  private var open: [UInt8] = []
  /// Whether a value comes next, not a key.
  private var expectsValue = false
  private var reason: String?

  /// The first pitfall, its place counted from 1; nil: there is none.
  static func first(in bytes: [UInt8]) -> (line: Int, column: Int, reason: String)? {
    var pitfalls = TOMLPitfalls(bytes: bytes)
    while pitfalls.position < bytes.count {
      pitfalls.readLine()
      if let reason = pitfalls.reason {
        let (line, column) = pitfalls.place
        return (line, column, reason)
      }
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

  /// Reads a line, or several where a value goes on; at a pitfall `position` stands still.
  private mutating func readLine() {
    open = []
    expectsValue = false
    skipBlanks()
    let isHeader = current == UInt8(ascii: "[")
    if isHeader { readHeader() }
    while reason == nil, let byte = current {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString(byte)
      case UInt8(ascii: "#"): skipComment()
      case UInt8(ascii: "\n"):
        position += 1
        if open.isEmpty { return }
      case 0x80...: reason = "beyond ASCII there are only strings and comments"
      case UInt8(ascii: "0")...UInt8(ascii: "9") where expectsValue: readNumber()
      default: if isHeader { position += 1 } else { readMark(byte) }
      }
    }
  }

  private mutating func readHeader() {
    position += 1
    skipBlanks()
    if current == UInt8(ascii: "[") {
      position += 1
      skipBlanks()
    }
    // That there is no key at all, the parser tells itself.
    if let byte = current, byte != UInt8(ascii: "]"), !Self.beginsKey(byte) {
      reason = "a table's header must name a key, in letters, digits, '_', '-' or quotes"
    }
  }

  /// Reads one byte of what is between keys and values.
  private mutating func readMark(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      open.append(byte)
      expectsValue = byte == UInt8(ascii: "[")
    case UInt8(ascii: "}") where open.last == UInt8(ascii: "["):
      reason = "expected a value or ']', saw '}'"
      return
    case UInt8(ascii: "]"), UInt8(ascii: "}"): _ = open.popLast()
    case UInt8(ascii: "="): expectsValue = true
    case UInt8(ascii: ","): expectsValue = open.last == UInt8(ascii: "[")
    default: break
    }
    position += 1
  }

  /// Reads a number, a date or a time: what begins with a digit. The parser reads what looks like the
  /// beginning of a time behind a date as one, whether it is or not.
  private mutating func readNumber() {
    expectsValue = false
    let text = bytes[position...].prefix { !Self.endsValue($0) }
    let shape = text.prefix(11).map { Self.isDigit($0) ? UInt8(ascii: "0") : $0 | 0x20 }
    if shape == Array("0000-00-00t".utf8), !Self.isDigit(text.dropFirst(11).first ?? 0) {
      position += 11
      reason = "expected the hour, in two digits"
      return
    }
    position = text.endIndex
    let rest = bytes[position...].prefix(3)
    guard rest.count >= 2, rest.first == UInt8(ascii: " "), Self.isDigit(rest[position + 1]) else {
      return
    }
    if rest.count == 2 || Self.endsValue(rest[position + 2]) {
      position += 1
      reason = "expected the end of the line, or the hour in two digits"
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func endsValue(_ byte: UInt8) -> Bool {
    byte <= 0x20 || byte >= 0x80 || "],}#".utf8.contains(byte)
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
    let isLong = startsWithThree(quote)
    position += isLong ? 3 : 1
    while let byte = current {
      if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
        position += 2
      } else if byte == UInt8(ascii: "\n"), !isLong {
        return
      } else if byte == quote, !isLong {
        position += 1
        return
      } else if byte == quote, startsWithThree(quote) {
        // Up to two quotes before the end are the string's own.
        position += bytes[position...].prefix(5).prefix { $0 == quote }.count
        return
      } else {
        position += 1
      }
    }
  }

  private func startsWithThree(_ quote: UInt8) -> Bool {
    bytes[position...].prefix(3).count { $0 == quote } == 3
  }
}
