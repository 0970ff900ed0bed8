import Testing

@testable import Database

@Suite("Texts that PostgreSQL can hold")
struct StorableTests {
  @Test("U+0000 is replaced, and nothing else is")
  func text() {
    #expect(storable("a\u{0}b") == "a\u{FFFD}b")
    #expect(storable("é\n") == "é\n")
  }

  @Test("the escape of U+0000 is replaced in JSON, an escaped backslash before u0000 is not")
  func json() {
    #expect(storableJSON(#"{"a":"x\u0000y"}"#) == "{\"a\":\"x\u{FFFD}y\"}")
    #expect(storableJSON(#"["\\u0000"]"#) == #"["\\u0000"]"#)
    #expect(storableJSON(#"["\\\u0000\n"]"#) == "[\"\\\\\u{FFFD}\\n\"]")
  }
}
