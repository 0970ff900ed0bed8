/// HTTP header fields in their order, looked up without regard to case (RFC 9110, section 5.1).
public struct TransferHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  /// One field: a name and its value without surrounding blanks.
  public struct Field: Sendable, Equatable {
    /// The name as it was written.
    public let name: String
    /// The value.
    public let value: String

    /// Creates a field.
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  /// All fields, in order, repeated names included.
  public private(set) var fields: [Field] = []

  /// Creates an empty list.
  public init() {}

  /// Creates a list from name and value pairs; repeated names are kept.
  public init(dictionaryLiteral elements: (String, String)...) {
    fields = elements.map { Field(name: $0.0, value: $0.1) }
  }

  /// Adds a field after those that are there.
  public mutating func append(name: String, value: String) {
    fields.append(Field(name: name, value: value))
  }

  /// The last value of a name; setting replaces all of that name, and `nil` removes them.
  public subscript(name: String) -> String? {
    get { values(of: name).last }
    set {
      let wanted = name.lowercased()
      fields.removeAll { $0.name.lowercased() == wanted }
      if let newValue { fields.append(Field(name: name, value: newValue)) }
    }
  }

  /// Every value of a name, in order.
  public func values(of name: String) -> [String] {
    let wanted = name.lowercased()
    return fields.filter { $0.name.lowercased() == wanted }.map(\.value)
  }
}

extension TransferHeaders {
  /// The field in one line of a response's head, or nil where the line is none.
  static func parse(line: String) -> Field? {
    guard let colon = line.firstIndex(of: ":") else { return nil }
    return Field(
      name: String(line[..<colon]), value: trimmed(line[line.index(after: colon)...]))
  }

  /// The first field that would not be one header line: a line break in it would smuggle in others.
  var firstInvalidName: String? {
    fields.first { field in
      field.name.isEmpty || field.name.utf8.contains { $0 <= 0x20 || $0 == 0x7F || $0 == 0x3A }
        || field.value.utf8.contains { $0 == 0x0D || $0 == 0x0A || $0 == 0 }
    }?.name
  }
}

/// The text without blanks and line ends at both sides.
func trimmed(_ text: some StringProtocol) -> String {
  let blank: (Character) -> Bool = { $0.isWhitespace }
  guard let first = text.firstIndex(where: { !blank($0) }),
    let last = text.lastIndex(where: { !blank($0) })
  else { return "" }
  return String(text[first...last])
}
