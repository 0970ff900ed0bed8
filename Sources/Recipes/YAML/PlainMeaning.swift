/// What a scalar without quotes stands for besides its text, by YAML's core schema
/// (YAML 1.2.2, section 10.3.2), by which editors and other programs read it.
///
/// It is the only place that knows how numbers and truth values are spelled.
enum PlainMeaning: Equatable {
  /// `true`, `True`, `TRUE`, `false`, `False`, `FALSE`.
  case boolean(Bool)
  /// A whole number: `7`, `+7`, `007`, `0o7`, `0x7`; nil: one that 64 bits do not hold.
  case integer(Int64?)
  /// `1.5`, `1.`, `.5`, `1e3`, `.inf`, `.nan`.
  case number(Double)

  /// Nil: the text is only a text.
  init?(_ text: String) {
    switch text {
    case "true", "True", "TRUE": self = .boolean(true)
    case "false", "False", "FALSE": self = .boolean(false)
    default:
      guard let number = Self.number(text) else { return nil }
      self = number
    }
  }

  /// What messages call it.
  var name: String { if case .boolean = self { "truth value" } else { "number" } }

  /// The whole number that it is, however it is spelled; nil: it is none, or 64 bits do not hold it.
  var wholeNumber: Int64? {
    switch self {
    case .boolean: nil
    case .integer(let value): value
    case .number(let value): Int64(exactly: value)
    }
  }

  private static func number(_ text: String) -> PlainMeaning? {
    let bytes = Array(text.utf8)
    if text.hasPrefix("0o") || text.hasPrefix("0x") {
      let radix = text.hasPrefix("0o") ? 8 : 16
      let digits = text.dropFirst(2)
      guard !digits.isEmpty, digits.utf8.allSatisfy({ isDigit($0, radix) }) else { return nil }
      return .integer(Int64(digits, radix: radix))
    }
    let isSigned = bytes.first == UInt8(ascii: "+") || bytes.first == UInt8(ascii: "-")
    let digits = bytes.dropFirst(isSigned ? 1 : 0)
    if !digits.isEmpty, digits.allSatisfy({ isDigit($0, 10) }) { return .integer(Int64(text)) }
    switch String(decoding: digits, as: UTF8.self) {
    case ".inf", ".Inf", ".INF":
      return .number(text.hasPrefix("-") ? -Double.infinity : .infinity)
    case ".nan", ".NaN", ".NAN": return isSigned ? nil : .number(.nan)
    default: return isFloat(digits) ? Double(text).map { .number($0) } : nil
    }
  }

  /// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
  private static func isFloat(_ bytes: ArraySlice<UInt8>) -> Bool {
    var rest = bytes
    let whole = dropDigits(&rest)
    if rest.first == UInt8(ascii: ".") {
      rest.removeFirst()
      if dropDigits(&rest) == 0, whole == 0 { return false }
    } else if whole == 0 {
      return false
    }
    guard let exponent = rest.first else { return true }
    guard exponent == UInt8(ascii: "e") || exponent == UInt8(ascii: "E") else { return false }
    rest.removeFirst()
    if let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
      rest.removeFirst()
    }
    return dropDigits(&rest) > 0 && rest.isEmpty
  }

  /// Takes digits off the front, and tells how many.
  private static func dropDigits(_ rest: inout ArraySlice<UInt8>) -> Int {
    let count = rest.prefix { isDigit($0, 10) }.count
    rest = rest.dropFirst(count)
    return count
  }

  private static func isDigit(_ byte: UInt8, _ radix: Int) -> Bool {
    switch byte {
    case 48...57: Int(byte) - 48 < radix
    case 65...70, 97...102: radix == 16
    default: false
    }
  }
}

extension YAMLNode {
  /// What a scalar without quotes stands for besides its text; nil: nothing, or this is no such scalar.
  var plainMeaning: PlainMeaning? {
    guard case .scalar(let text, isPlain: true) = content else { return nil }
    return PlainMeaning(text)
  }

  /// A scalar's text, however it is written.
  var scalarText: String? { if case .scalar(let text, _) = content { text } else { nil } }

  /// The same without the line feed with which a text in a block of its own (`>`, `|`) ends.
  var withoutClosingLineFeed: YAMLNode {
    guard case .scalar(let text, let isPlain) = content, text.unicodeScalars.last == "\n" else {
      return self
    }
    var scalars = text.unicodeScalars
    scalars.removeLast()
    return YAMLNode(.scalar(String(scalars), isPlain: isPlain), at: position)
  }
}
