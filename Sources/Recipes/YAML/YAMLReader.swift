/// Reads one file of YAML and collects everything that is wrong with it, instead of stopping at the
/// first mistake. One owner; not `Sendable`.
public final class YAMLReader {
  /// How many errors of one file are kept with their places, and how many warnings: what is beyond is
  /// counted. A file of a mebibyte can have hundreds of thousands.
  static let maximumDiagnostics = 1000

  /// The file that is read.
  public let source: SourceText
  /// The file's lines, for places and excerpts.
  private(set) lazy var lines = SourceLines(source.content)
  private var found: [RecipeDiagnostic] = []
  private var counts: [RecipeDiagnostic.Severity: Int] = [:]

  /// Reads nothing yet.
  public init(_ source: SourceText) { self.source = source }

  /// What was found so far, by place; last, where there was more than is kept, how much more.
  public var diagnostics: [RecipeDiagnostic] {
    let kept = found.enumerated()
      .sorted {
        ($0.element.line, $0.element.column, $0.offset)
          < ($1.element.line, $1.element.column, $1.offset)
      }
      .map(\.element)
    let beyond = [RecipeDiagnostic.Severity.error, .warning].compactMap { severity in
      RecipeDiagnostic(
        beyond: counts[severity, default: 0] - Self.maximumDiagnostics, of: source.path, severity)
    }
    return kept + beyond
  }

  /// Whether anything was found that makes the file useless, kept or only counted.
  public var hasErrors: Bool { counts[.error, default: 0] > 0 }

  /// The document's value; nil where the file is empty or (which is reported) no YAML.
  public func read() -> YAMLNode? {
    guard source.bytes.count <= SourceText.maximumBytes else {
      reportFile(
        "the file is too large", expected: "at most 1 MiB")
      return nil
    }
    if let offset = source.charactersBeforeInvalid() {
      report(
        "this is no UTF-8", at: lines.position(ofCharacter: offset), withExcerpt: false)
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
    counts[severity, default: 0] += 1
    guard counts[severity, default: 0] <= Self.maximumDiagnostics else { return }
    found.append(
      RecipeDiagnostic(
        file: source.path, line: position.line, column: position.column, message: message,
        expected: expected, nearest: nearest, severity: severity,
        excerpt: withExcerpt ? lines.excerpt(at: position) : nil))
  }

  /// Adds an error of the file as a whole.
  public func reportFile(_ message: String, expected: String? = nil) {
    counts[.error, default: 0] += 1
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

  /// Which scalars a value may be written as.
  public enum Scalars: Sendable {
    /// Texts. What YAML takes for a number or a truth value must stand in quotes: another program would
    /// read `1.10` as `1.1`, and a schema cannot tell them apart.
    case texts
    /// Numbers and truth values, too, which are texts as they are written.
    case any
  }

  /// A value made of a scalar's text by `parse`, which answers nil for what will not do.
  public func value<Value>(
    _ node: YAMLNode, name: String, expected: String, candidates: [String] = [],
    scalars: Scalars = .texts, parse: (String) -> Value?
  ) -> Value? {
    guard let text = text(node, name: name, expected: expected) else { return nil }
    guard let value = parse(text) else {
      reportUnfit(text, node, name: name, expected: expected, candidates: candidates)
      return nil
    }
    guard scalars == .texts, let meaning = node.plainMeaning else { return value }
    report(
      "\(name) is \(quoted(text)), which YAML takes for a \(meaning.name)", at: node.position,
      expected: "quotes around it")
    return nil
  }

  /// A whole number from 1 to `maximum`, in any of YAML's spellings, or what `parse` makes of a text.
  func wholeNumber(
    _ node: YAMLNode, name: String, expected: String, maximum: Int64, parse: (String) -> Int64?
  ) -> Int64? {
    guard let text = text(node, name: name, expected: expected) else { return nil }
    let number = node.plainMeaning.map(\.wholeNumber) ?? parse(text)
    if let number, (1...maximum).contains(number) { return number }
    reportUnfit(text, node, name: name, expected: expected)
    return nil
  }

  /// `true` or `false`: in any of YAML's spellings, or in quotes.
  func boolean(_ node: YAMLNode, name: String) -> Bool? {
    let expected = "true or false"
    guard let text = text(node, name: name, expected: expected) else { return nil }
    if case .boolean(let value) = node.plainMeaning { return value }
    if node.plainMeaning == nil, let value = Bool(text) { return value }
    reportUnfit(text, node, name: name, expected: expected)
    return nil
  }

  private func reportUnfit(
    _ text: String, _ node: YAMLNode, name: String, expected: String, candidates: [String] = []
  ) {
    report(
      "\(name) cannot be \(quoted(text))", at: node.position, expected: expected,
      nearest: NearestName.of(text, in: candidates))
  }

  /// A list whose items are made of texts by `parse`; items that will not do are reported and left out.
  public func list<Value>(
    _ node: YAMLNode, name: String, expected: String, scalars: Scalars = .texts,
    parse: (String) -> Value?
  ) -> [Value]? {
    guard case .sequence(let items) = node.content else {
      report(
        node.isNull ? "\(name) has no value" : "\(name) is \(node.kindName)", at: node.position,
        expected: "a list of \(expected)s")
      return nil
    }
    let article = "aeio".contains(expected.first ?? " ") ? "an" : "a"
    return items.compactMap {
      value(
        $0, name: "an item of \(name)", expected: "\(article) \(expected)", scalars: scalars,
        parse: parse)
    }
  }
}
