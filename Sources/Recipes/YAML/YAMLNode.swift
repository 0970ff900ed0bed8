/// A place in a text file: line and column in characters, both from 1.
public struct SourcePosition: Sendable, Hashable, Comparable {
  public var line: Int
  public var column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// Where every file begins.
  public static let start = SourcePosition(line: 1, column: 1)

  public static func < (left: SourcePosition, right: SourcePosition) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// A value of a YAML document and where it stands.
public struct YAMLNode: Sendable, Equatable {
  /// One `key: value` of a mapping, in the order of the file.
  public struct Entry: Sendable, Equatable {
    public var key: String
    public var keyPosition: SourcePosition
    public var value: YAMLNode
  }

  public enum Content: Sendable, Equatable {
    /// A text; plain ones (without quotes) may mean a number, a boolean or nothing at all.
    case scalar(String, isPlain: Bool)
    case sequence([YAMLNode])
    case mapping([Entry])
  }

  public var content: Content
  public var position: SourcePosition

  public init(_ content: Content, at position: SourcePosition) {
    self.content = content
    self.position = position
  }

  /// Whether nothing was written: `key:` without a value, `~` or `null` (YAML 1.2.2, section 10.2).
  public var isNull: Bool {
    guard case .scalar(let text, isPlain: true) = content else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }

  /// What the value is, as messages call it.
  public var kindName: String {
    switch content {
    case .scalar: "text"
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }
}
