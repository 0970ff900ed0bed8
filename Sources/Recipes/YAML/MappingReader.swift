/// Reads the keys of one mapping; what is unknown or of the wrong kind is reported to the file's reader.
public struct MappingReader {
  /// To whom mistakes are reported.
  public let reader: YAMLReader
  /// Where the mapping begins.
  public let position: SourcePosition
  private let entries: [String: YAMLNode.Entry]

  /// - Parameters:
  ///   - name: what messages call the mapping, such as `“policy”`.
  ///   - keys: the names that it may have.
  ///   - isKnown: whether a key outside `keys` is no mistake.
  public init?(
    _ node: YAMLNode, _ reader: YAMLReader, name: String, keys: [String],
    isKnown: (YAMLNode.Entry) -> Bool = { _ in false }
  ) {
    guard case .mapping(let all) = node.content else {
      let state = node.isNull ? "has no value" : "is \(node.kindName)"
      reader.report(
        "\(name) \(state)", at: node.position, expected: "a mapping with \(Self.list(keys))")
      return nil
    }
    for entry in all where !keys.contains(entry.key) && !isKnown(entry) {
      reader.report(
        "unknown key \(quoted(entry.key))", at: entry.keyPosition,
        expected: "one of \(Self.list(keys))", nearest: NearestName.of(entry.key, in: keys))
    }
    self.reader = reader
    position = node.position
    // Of a duplicate, which the parser has reported, the first counts.
    entries = Dictionary(all.map { ($0.key, $0) }) { first, _ in first }
  }

  /// The value of a key; nil: it is absent.
  public subscript(key: String) -> YAMLNode? { entries[key]?.value }

  /// Where each key stands that is there.
  public var keyPositions: [String: SourcePosition] { entries.mapValues(\.keyPosition) }

  /// The value of a key that must be there; its absence is reported at the mapping's begin.
  public func required(_ key: String, expected: String) -> YAMLNode? {
    if let node = self[key] { return node }
    reader.report("missing key \(quoted(key))", at: position, expected: expected)
    return nil
  }

  /// A value made of a scalar's text by `parse`; nil: absent, or (which is reported) it will not do.
  public func value<Value>(
    _ key: String, expected: String, candidates: [String] = [],
    scalars: YAMLReader.Scalars = .texts, parse: (String) -> Value?
  ) -> Value? {
    self[key].flatMap {
      reader.value(
        $0, name: quoted(key), expected: expected, candidates: candidates, scalars: scalars,
        parse: parse)
    }
  }

  /// `true` or `false`.
  public func boolean(_ key: String) -> Bool? {
    self[key].flatMap { reader.boolean($0, name: quoted(key)) }
  }

  /// A whole number from 1 to `maximum`.
  func count(_ key: String, maximum: Int) -> Int? {
    self[key].flatMap {
      reader.wholeNumber(
        $0, name: quoted(key), expected: Quantities.countExpected(maximum),
        maximum: Int64(maximum), parse: Quantities.count)
    }.map { Int($0) }
  }

  /// A size in bytes, with a unit or without.
  func size(_ key: String) -> Int64? {
    self[key].flatMap {
      reader.wholeNumber(
        $0, name: quoted(key), expected: Quantities.sizeExample,
        maximum: Quantities.maximumSize, parse: Quantities.size)
    }
  }

  /// A list of scalars. `expected` names one item in the singular, such as `library name`.
  public func list<Value>(
    _ key: String, expected: String, scalars: YAMLReader.Scalars = .texts,
    parse: (String) -> Value?
  ) -> [Value]? {
    self[key].flatMap {
      reader.list($0, name: quoted(key), expected: expected, scalars: scalars, parse: parse)
    }
  }

  private static func list(_ keys: [String]) -> String { keys.joined(separator: ", ") }
}
