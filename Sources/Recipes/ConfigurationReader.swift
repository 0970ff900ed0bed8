import ExecutorKit

extension YAMLReader {
  /// A value for an executor module: scalars without quotes become booleans and numbers, as in JSON.
  ///
  /// Parts that will not do are reported and left out.
  func configuration(_ node: YAMLNode, name: String) -> ConfigurationValue? {
    switch node.content {
    case .sequence(let items):
      return .list(items.compactMap { configuration($0, name: "an item of \(name)") })
    case .mapping(let entries):
      let pairs = entries.compactMap { entry in
        configuration(entry.value, name: quoted(entry.key)).map { (entry.key, $0) }
      }
      return .map(Dictionary(pairs) { first, _ in first })
    case .scalar(_, let isPlain):
      let expected = "text, a number, true or false"
      guard let text = text(node, name: name, expected: expected) else { return nil }
      return isPlain ? plainValue(text, node, name: name) : .text(text)
    }
  }

  private func plainValue(_ text: String, _ node: YAMLNode, name: String) -> ConfigurationValue? {
    switch PlainMeaning(text) {
    case .boolean(let value): return .boolean(value)
    case nil: return .text(text)
    // A module gets numbers as JSON has them: beyond 2^53 one loses digits, and one that long is a text
    // that lacks its quotes.
    case .integer(let value):
      if let value, value.magnitude <= 1 << 53 { return .number(Double(value)) }
    case .number(let value):
      if abs(value) <= Double(1 << 53) { return .number(value) }
    }
    report(
      "\(name) is too large a number", at: node.position,
      expected: "at most 15 digits, or quotes around it")
    return nil
  }
}
