import RegularExpressions
import Testing

struct RegularExpressionTests {
  @Test(
    "a part of the text that matches is enough, and lines have ends",
    arguments: [
      ("^tool 1\\.", "note\ntool 1.2\n", true), ("1.2$", "tool 1.2\nmore", true),
      ("^tool 2", "tool 1.2", false), ("", "", true), ("^$", "a\n\nb", true), ("^$", "a\nb", false),
      ("ü+", "grün", true), (".{3}", "漢字", false), ("(?i)TOOL", "tool", true),
      ("a\u{0}b", "a\u{0}b", true), ("a.b", "a\nb", false),
    ])
  func finds(pattern: String, text: String, isFound: Bool) throws {
    #expect(try RegularExpression(pattern).finds(in: text) == isFound)
  }

  @Test(
    "what is none is refused in RE2's words, back-references and what is too large among it",
    arguments: [
      ("(", "missing ): (?m)("), ("a{2000}", "invalid repetition size: {2000}"),
      ("(a)\\1", "invalid escape sequence: \\1"),
      ("(?<n>a){0}\\k<n>", "invalid perl operator: (?<"),
      ("((a{1000}){1000}){1000}", "invalid repetition size: {1000}"),
      ("*", "no argument for repetition operator: *"),
    ])
  func refuses(pattern: String, reason: String) throws {
    let failure = #expect(throws: RegularExpression.Failure.self) {
      try RegularExpression(pattern)
    }
    #expect(failure?.description.hasPrefix(reason) == true, "\(failure?.description ?? "")")
  }

  @Test("nested repetitions do not make it slow", .timeLimit(.minutes(1)))
  func linear() throws {
    let text = String(repeating: "a", count: 4096) + "!"
    #expect(try !RegularExpression("^(a+)+$").finds(in: text))
    #expect(try !RegularExpression("^(a|a|a?)*b$").finds(in: text))
  }

  @Test("many may ask at once")
  func concurrent() async throws {
    let expression = try RegularExpression("^tool [0-9]+$")
    let found = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<64 { group.addTask { expression.finds(in: "tool \(number)\n") } }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(found == 64)
  }
}
