import Cryptography
import Foundation

/// `bytea` as `\x` and two hexadecimal digits a byte (documentation, 8.4.1).
enum ByteaText {
  private static let prefix = Array("\\x".utf8)

  static func encode(_ bytes: [UInt8]) -> String { "\\x" + Hex.encode(bytes) }

  static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    text.starts(with: prefix) ? Hex.decode(ascii: text.dropFirst(prefix.count)) : nil
  }
}

/// One-dimensional arrays in PostgreSQL's text form (documentation, 8.15.6): `{a,"b c",NULL}`.
enum ArrayText {
  static func encode(_ items: [String]) -> String {
    var text = Array("{".utf8)
    for item in items {
      text.append(contentsOf: text.count == 1 ? "\"".utf8 : ",\"".utf8)
      for byte in item.utf8 {
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
          text.append(UInt8(ascii: "\\"))
        }
        text.append(byte)
      }
      text.append(UInt8(ascii: "\""))
    }
    text.append(UInt8(ascii: "}"))
    return String(decoding: text, as: UTF8.self)
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
