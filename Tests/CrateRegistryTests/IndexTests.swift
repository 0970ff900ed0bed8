import CrateRegistry
import FarmModel
import Testing

struct IndexTests {
  private let sum = String(repeating: "ab", count: 32)

  private func line(_ version: String, more: String = "") -> String {
    #"{"name":"Foo","vers":"\#(version)","deps":[],"cksum":"\#(sum)","#
      + #""features":{},"yanked":false\#(more)}"#
  }

  @Test("an index line is read with all that it tells")
  func entry() throws {
    let text =
      #"{"name":"foo","vers":"1.2.0-rc.1+b","deps":[{"name":"bar","req":"^1","features":["x"],"#
      + #""optional":true,"default_features":false,"target":"cfg(unix)","kind":"build","#
      + #""registry":null,"package":"bar_real"}],"cksum":"\#(sum)","features":{"a":["b"]},"#
      + #""features2":{"c":["dep:bar"]},"yanked":true,"links":"z","rust_version":"1.70","v":2,"#
      + #""pubtime":"2025-01-02T03:04:05Z","new_field":1}"#
    let (entries, problems) = parseIndexFile(text.utf8)
    #expect(problems.isEmpty)
    let entry = try #require(entries.first)
    #expect(entry.name.text == "foo")
    #expect(entry.version.description == "1.2.0-rc.1+b")
    #expect(entry.checksum.hex == sum)
    #expect(entry.isYanked)
    #expect(entry.rustVersion == "1.70")
    #expect(entry.publishedAt == 1_735_787_045)
  }

  @Test(
    "times of publication",
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("2024-02-29T23:59:59Z", 1_709_251_199),
      ("2000-03-01T00:00:00Z", 951_868_800), ("2100-03-01T00:00:00Z", 4_107_542_400),
      ("2025-01-02T03:04:05+01:00", 1_735_783_445), ("2023-13-01T00:00:00Z", nil), ("soon", nil),
    ] as [(String, Int64?)])
  func times(text: String, seconds: Int64?) throws {
    let (entries, problems) = parseIndexFile(line("1.0.0", more: #","pubtime":"\#(text)""#).utf8)
    #expect(problems.isEmpty)
    #expect(entries.map(\.publishedAt) == [seconds])
  }

  @Test("bad lines are problems with their numbers, the others count")
  func problems() throws {
    let lines = [
      line("1.0.0"), "this is no JSON", line("one"), "", line("1.1.0", more: #","v":3"#),
      #"{"name":"foo","vers":"1.0.0","cksum":"abc"}"#, #"{"vers":"1.0.0"}"#, "[1]",
      line("2.0.0"), "{\"a\":\"\u{FFFD}", #"{"name":"foo","vers":null}"#,
      #"{"name":1}"#, line("1.0.0", more: #","rust_version":1"#),
      line("1.0.0", more: #","v":"2""#), line("1.0.0", more: #","yanked":"no""#),
    ]
    let (entries, problems) = parseIndexFile(lines.joined(separator: "\n").utf8)
    #expect(entries.map(\.version.description) == ["1.0.0", "2.0.0"])
    #expect(
      problems.map(\.description) == [
        "line 2: the line is no JSON object",
        "line 3: vers: “one” is no semantic version",
        "line 5: the line has the format 3; this program knows 1 and 2",
        "line 6: cksum: the checksum is not 64 hexadecimal digits",
        "line 7: the field 'name' is missing",
        "line 8: the line is no JSON object",
        "line 10: the line is no JSON object",
        "line 11: vers: expected a text, found null",
        "line 12: name: expected a text",
        "line 13: rust_version: expected a text",
        "line 14: v: expected a whole number",
        "line 15: yanked: expected true or false",
      ])
    #expect(problems.map { $0.version?.description }[2] == "1.1.0")
  }

  @Test("names that would leave their folder are problems")
  func names() {
    let text = #"{"name":"../etc","vers":"1.0.0","cksum":"\#(sum)"}"#
    #expect(parseIndexFile(text.utf8).entries.isEmpty)
    #expect(parseIndexFile(text.utf8).problems.count == 1)
  }

  @Test("a line of another crate than the file's is a problem")
  func otherCrate() throws {
    let (entries, problems) = parseIndexFile(line("1.0.0").utf8, of: try name("foo"))
    #expect(entries.count == 1 && problems.isEmpty)
    let other = parseIndexFile(line("1.0.0").utf8, of: try name("bar"))
    #expect(other.entries.isEmpty)
    #expect(
      other.problems.map(\.description) == ["line 1: the line is of the crate 'Foo', not 'bar'"])
  }

  @Test(
    "index paths",
    arguments: [
      ("a", "1/a"), ("AB", "2/ab"), ("abc", "3/a/abc"), ("Cargo", "ca/rg/cargo"),
      ("a-b_", "a-/b_/a-b_"),
    ])
  func paths(crate: String, path: String) throws {
    #expect(indexPath(for: try name(crate)) == path)
  }

  @Test(
    "download URLs",
    arguments: [
      ("https://h/dl", "https://h/dl/Foo-Bar/1.0.0+b/download"),
      ("https://h/{crate}-{version}.crate", "https://h/Foo-Bar-1.0.0+b.crate"),
      ("https://h/{prefix}/{crate}", "https://h/Fo/o-/Foo-Bar"),
      ("https://h/{lowerprefix}/{sha256-checksum}", "https://h/fo/o-/SUM"),
    ])
  func downloads(template: String, url: String) throws {
    let template = try #require(DownloadTemplate(template))
    let sum = try #require(CrateChecksum(sum))
    let expected = url.replacing("SUM", with: sum.hex)
    #expect(try template.url(of: name("Foo-Bar"), version("1.0.0+b"), checksum: sum) == expected)
  }

  @Test("config.json gives the template, or says what is wrong with it")
  func configuration() throws {
    let good = try RegistryConfiguration(
      json: Array(#"{"dl":"https://h/dl","api":"https://h","x":1}"#.utf8), url: "u")
    #expect(good.download.text == "https://h/dl")
    #expect(good.api == "https://h")
    for (json, reason) in [
      ("{}", "no JSON object with a text 'dl'"), ("x", "no JSON object with a text 'dl'"),
      (#"{"dl":"file:///etc"}"#, "dl 'file:///etc' is no http or https URL"),
    ] {
      #expect(throws: RegistryError.badConfiguration(url: "u", reason: reason)) {
        try RegistryConfiguration(json: Array(json.utf8), url: "u")
      }
    }
  }

  @Test("checksums are 64 hexadecimal digits")
  func checksums() {
    #expect(CrateChecksum(sum.uppercased())?.hex == sum)
    #expect(CrateChecksum(sum)?.storePath == "ab/\(sum)")
    for text in ["", "ab", sum + "a", sum.dropLast() + "g", "../" + sum.dropLast(3)] {
      #expect(CrateChecksum(text) == nil)
    }
  }
}
