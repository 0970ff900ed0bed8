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
    if let value = Bool(text) { return .boolean(value) }
    guard Self.isNumber(text), let number = Double(text) else { return .text(text) }
    // Beyond 2^53 a JSON number loses digits; a longer one is a text that lacks its quotes.
    guard abs(number) <= 9_007_199_254_740_992 else {
      report(
        "\(name) is too large a number", at: node.position,
        expected: "at most 15 digits, or quotes around it")
      return nil
    }
    return .number(number)
  }

  /// JSON's grammar of numbers without exponents (RFC 8259, section 6): `010`, `1_000`, `0x1F` and
  /// `1e3` stay texts.
  private static func isNumber(_ text: String) -> Bool {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    return (parts[0] == "0" || !parts[0].hasPrefix("0"))
      && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }
  }
}
