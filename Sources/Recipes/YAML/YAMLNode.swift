/// A place in a text file.
public struct SourcePosition: Sendable, Hashable, Comparable {
  /// From 1; lines end with LF, CR, or both.
  public var line: Int
  /// In characters of Unicode, from 1.
  public var column: Int

  /// Line and column, both from 1.
  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// Where every file begins.
  public static let start = SourcePosition(line: 1, column: 1)

  /// The order in the file.
  public static func < (left: SourcePosition, right: SourcePosition) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// A value of a YAML document and where it stands.
public struct YAMLNode: Sendable, Equatable {
  /// One `key: value` of a mapping, in the order of the file.
  public struct Entry: Sendable, Equatable {
    /// The key's text, whether in quotes or not.
    public var key: String
    /// Where the key begins.
    public var keyPosition: SourcePosition
    /// What stands behind the key.
    public var value: YAMLNode
  }

  /// What a value is made of.
  public enum Content: Sendable, Equatable {
    /// A text; plain ones (without quotes) may mean a number, a boolean or nothing at all.
    case scalar(String, isPlain: Bool)
    /// A list.
    case sequence([YAMLNode])
    /// Keys and their values, in the order of the file; of a key that stands twice both.
    case mapping([Entry])
  }

  /// What it is made of.
  public var content: Content
  /// Where it begins.
  public var position: SourcePosition

  /// A value of the file's tree.
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
