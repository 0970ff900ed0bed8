/// Reads one file of YAML and collects everything that is wrong with it, instead of stopping at the
/// first mistake. One owner; not `Sendable`.
public final class YAMLReader {
  /// How many diagnostics of one file are listed; a file with more is not a slip.
  static let maximumDiagnostics = 50

  public let source: SourceText
  private var found: [RecipeDiagnostic] = []

  public init(_ source: SourceText) { self.source = source }

  /// What was found so far, by place.
  public var diagnostics: [RecipeDiagnostic] {
    found.enumerated()
      .sorted {
        ($0.element.line, $0.element.column, $0.offset)
          < ($1.element.line, $1.element.column, $1.offset)
      }
      .map(\.element)
  }

  public var hasErrors: Bool { found.contains { $0.severity == .error } }

  /// The document's value; nil where the file is empty or (which is reported) no YAML.
  public func read() -> YAMLNode? {
    guard source.bytes.count <= SourceText.maximumBytes else {
      reportFile(
        "the file is too large", expected: "at most 1 MiB")
      return nil
    }
    if let position = source.firstInvalidPosition() {
      report("this is no UTF-8", at: position, withExcerpt: false)
      return nil
    }
    return YAMLTree.read(self)
  }

  /// Adds a diagnostic.
  public func report(
    _ message: String, at position: SourcePosition, expected: String? = nil,
    nearest: String? = nil, severity: RecipeDiagnostic.Severity = .error,
    withExcerpt: Bool = true
  ) {
    guard found.count < Self.maximumDiagnostics else { return }
    found.append(
      RecipeDiagnostic(
        file: source.path, line: position.line, column: position.column, message: message,
        expected: expected, nearest: nearest, severity: severity,
        excerpt: withExcerpt ? source.excerpt(at: position) : nil))
  }

  /// Adds a diagnostic of the file as a whole.
  public func reportFile(_ message: String, expected: String? = nil) {
    found.append(
      RecipeDiagnostic(file: source.path, line: 0, column: 0, message: message, expected: expected))
  }

  /// The text of a scalar that is neither empty of a value nor holds control characters.
  ///
  /// - Parameters:
  ///   - name: what messages call it, such as `“tier”`.
  ///   - expected: what would be right, such as `1, 2 or 3`.
  public func text(_ node: YAMLNode, name: String, expected: String) -> String? {
    guard case .scalar(let text, _) = node.content else {
      report("\(name) is \(node.kindName)", at: node.position, expected: expected)
      return nil
    }
    if node.isNull {
      report("\(name) has no value", at: node.position, expected: expected)
      return nil
    }
    guard !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
    else {
      report("\(name) holds a control character", at: node.position, expected: expected)
      return nil
    }
    return text
  }

  /// A value made of a scalar's text by `parse`, which answers nil for what will not do.
  public func value<Value>(
    _ node: YAMLNode, name: String, expected: String, candidates: [String] = [],
    parse: (String) -> Value?
  ) -> Value? {
    guard let text = text(node, name: name, expected: expected) else { return nil }
    if let value = parse(text) { return value }
    report(
      "\(name) cannot be \(quoted(text))", at: node.position, expected: expected,
      nearest: NearestName.of(text, in: candidates))
    return nil
  }

  /// A list whose items are made of texts by `parse`; items that will not do are reported and left out.
  public func list<Value>(
    _ node: YAMLNode, name: String, expected: String, parse: (String) -> Value?
  ) -> [Value]? {
    guard case .sequence(let items) = node.content else {
      report(
        node.isNull ? "\(name) has no value" : "\(name) is \(node.kindName)", at: node.position,
        expected: "a list of \(expected)s")
      return nil
    }
    let article = "aeio".contains(expected.first ?? " ") ? "an" : "a"
    return items.compactMap {
      value($0, name: "an item of \(name)", expected: "\(article) \(expected)", parse: parse)
    }
  }
}
