import Foundation

/// `bytea` as `\x` and two hexadecimal digits a byte.
enum Hex {
  private static let digits = Array("0123456789abcdef".utf8)

  static func bytea(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = Array("\\x".utf8)
    text.reserveCapacity(2 + bytes.count * 2)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  static func decodeBytea(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    guard text.count >= 2, text.count % 2 == 0, text[0] == UInt8(ascii: "\\"),
      text[1] == UInt8(ascii: "x")
    else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2 - 1)
    for index in stride(from: 2, to: text.count, by: 2) {
      guard let high = value(text[index]), let low = value(text[index + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

/// One-dimensional arrays in PostgreSQL's text form (documentation, 8.15.6): `{a,"b c",NULL}`.
enum ArrayText {
  static func encode(_ items: [String]) -> String {
    let quoted = items.map { item in
      var text = "\""
      for scalar in item.unicodeScalars {
        if scalar == "\"" || scalar == "\\" { text.unicodeScalars.append("\\") }
        text.unicodeScalars.append(scalar)
      }
      return text + "\""
    }
    return "{" + quoted.joined(separator: ",") + "}"
  }

  /// The items, `nil` where one is NULL; `nil` for what is no one-dimensional array.
  static func decode(_ text: String) -> [String?]? {
    var parser = Parser(rest: text.unicodeScalars[...])
    return parser.array()
  }

  private struct Parser {
    var rest: Substring.UnicodeScalarView

    mutating func array() -> [String?]? {
      guard rest.popFirst() == "{" else { return nil }
      if rest.first == "}" { return rest.count == 1 ? [] : nil }
      var items: [String?] = []
      while true {
        guard let item = rest.first == "\"" ? quoted() : plain() else { return nil }
        items.append(item)
        switch rest.popFirst() {
        case ",": continue
        case "}": return rest.isEmpty ? items : nil
        default: return nil
        }
      }
    }

    private mutating func quoted() -> String?? {
      rest.removeFirst()
      var item = String.UnicodeScalarView()
      while let scalar = rest.popFirst() {
        if scalar == "\"" { return .some(String(item)) }
        guard let next = scalar == "\\" ? rest.popFirst() : scalar else { return nil }
        item.append(next)
      }
      return nil
    }

    private mutating func plain() -> String?? {
      let end = rest.firstIndex { $0 == "," || $0 == "}" } ?? rest.endIndex
      let item = String(rest[..<end])
      rest = rest[end...]
      guard !item.isEmpty, !item.contains("{") else { return nil }
      return .some(item == "NULL" ? nil : item)
    }
  }
}
