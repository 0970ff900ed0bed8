import Testing

@testable import BuildPipeline

@Suite struct LogTextTests {
  @Test("a character that lies across pieces stays whole, wherever it is cut")
  func splitCharacters() {
    let text = "aé€😀z"
    let bytes = Array(text.utf8)
    for cut in 0...bytes.count {
      var decoder = LogText()
      let decoded = decoder.decode(bytes[..<cut]) + decoder.decode(bytes[cut...])
      #expect(decoded + decoder.finish() == text)
    }
    var decoder = LogText()
    #expect(bytes.map { decoder.decode([$0]) }.joined() + decoder.finish() == text)
  }

  @Test("what is no UTF-8 becomes U+FFFD, and so does NUL")
  func invalidBytes() {
    var decoder = LogText()
    #expect(decoder.decode([0x61, 0xFF, 0x62, 0x00, 0x80]) == "a\u{FFFD}b\u{FFFD}\u{FFFD}")
    #expect(decoder.decode([0xE2, 0x82]) == "")
    #expect(decoder.finish() == "\u{FFFD}")
    #expect(decoder.finish() == "")
  }

  @Test("what a terminal would obey becomes U+FFFD, but for tab and line ends")
  func terminalEscapes() {
    var decoder = LogText()
    let text = decoder.decode(Array("\u{1B}]0;title\u{07}\u{9B}2J\t\u{7F}é\r\n".utf8))
    #expect(text == "\u{FFFD}]0;title\u{FFFD}\u{FFFD}2J\t\u{FFFD}é\r\n")
  }

  @Test("lines are cut at their ends, and an endless one is refused")
  func lines() {
    var splitter = LineSplitter(limit: 8)
    #expect(splitter.add(Array("ab\nc".utf8)) == ["ab"])
    #expect(splitter.add(Array("d\n\n".utf8)) == ["cd", ""])
    #expect(splitter.add(Array("rest".utf8)) == [])
    #expect(splitter.finish() == "rest")
    #expect(splitter.add(Array("123456789".utf8)) == nil)
  }
}
