/// Licence expressions of manifests (SPDX specification 2.3, annex D).
enum SPDXExpression {
  /// The expression with single spaces; nil for what is none. The old `MIT/Apache-2.0` of Cargo is
  /// read as `OR`, which it means (the Cargo book, "The license and license-file fields").
  static func text(of license: String?) -> String? {
    guard let license, license.utf8.count <= 500 else { return nil }
    let spaced = license.replacing("/", with: " OR ").replacing("(", with: " ( ")
      .replacing(")", with: " ) ")
    var tokens = spaced.split(separator: " ").map(String.init)[...]
    let normal = tokens.joined(separator: " ").replacing("( ", with: "(").replacing(" )", with: ")")
    return takeExpression(&tokens, depth: 0) && tokens.isEmpty ? normal : nil
  }

  /// Terms joined by `AND` and `OR`.
  private static func takeExpression(_ tokens: inout ArraySlice<String>, depth: Int) -> Bool {
    guard takeTerm(&tokens, depth: depth) else { return false }
    while let word = tokens.first, word == "AND" || word == "OR" {
      tokens.removeFirst()
      guard takeTerm(&tokens, depth: depth) else { return false }
    }
    return true
  }

  /// One licence, with an exception or without, or an expression in parentheses.
  private static func takeTerm(_ tokens: inout ArraySlice<String>, depth: Int) -> Bool {
    guard let first = tokens.popFirst(), depth < 10 else { return false }
    if first == "(" {
      return takeExpression(&tokens, depth: depth + 1) && tokens.popFirst() == ")"
    }
    guard isName(first) else { return false }
    if tokens.first == "WITH" {
      tokens.removeFirst()
      return tokens.popFirst().map(isName) ?? false
    }
    return true
  }

  private static func isName(_ word: String) -> Bool {
    !["AND", "OR", "WITH"].contains(word)
      && word.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
          || [43, 45, 46, 58].contains($0)
      }
  }
}
