import CrateRegistry
import FarmModel
import Foundation
import Testing

struct ManifestTests {
  private let head = "[package]\nname = \"tool\"\nversion = \"1.0.0\"\n"

  private func names(_ toml: String, _ files: [String]) throws -> [String] {
    try Manifest(toml: toml.utf8).binaryTargets(files: files).map(\.name)
  }

  @Test("all that the farm wants is read")
  func everything() throws {
    let toml = """
      [package]
      name = "cargo-tool"
      version = "0.1.0-alpha.1"
      edition = "2021"
      rust-version = "1.70"
      description = "A tool"
      repository = "https://example.org/tool"
      homepage = "https://example.org"
      license = "MIT"
      license-file = "LICENSE"
      authors = ["Ann", "Bob <b@example.org>"]
      readme = "README.md"
      default-run = "tool"
      autobins = false
      [package.metadata.buildsrs]
      features = ["a"]
      [package.metadata.binstall]
      disabled-strategies = ["quick-install"]
      [[bin]]
      name = "tool"
      path = "tool.rs"
      required-features = ["cli"]
      """
    let manifest = try Manifest(toml: toml.utf8)
    #expect(manifest.name.text == "cargo-tool")
    #expect(manifest.authors == ["Ann", "Bob <b@example.org>"])
    #expect(manifest.version.description == "0.1.0-alpha.1")
    #expect(manifest.edition == "2021")
    #expect(manifest.rustVersion == "1.70")
    #expect(manifest.description == "A tool")
    #expect(manifest.repository == "https://example.org/tool")
    #expect(manifest.homepage == "https://example.org")
    #expect(manifest.license == "MIT")
    #expect(manifest.licenseFile == "LICENSE")
    #expect(manifest.readme == "README.md")
    #expect(manifest.defaultRun == "tool")
    #expect(manifest.findsBinaries == false)
    let tool = BinaryTarget(name: "tool", path: "tool.rs", requiredFeatures: ["cli"])
    #expect(manifest.binaryTargets(files: ["src/main.rs"]) == [tool])
    #expect(manifest.buildsrsMetadata?.filter { !$0.isWhitespace } == #"{"features":["a"]}"#)
    #expect(
      manifest.binstallMetadata?.filter { !$0.isWhitespace }
        == #"{"disabled-strategies":["quick-install"]}"#)
  }

  @Test("a small manifest has defaults; the old name of the table counts, and no readme is none")
  func defaults() throws {
    let old = "[project]\nname = \"tool\"\nversion = \"1.0.0\"\nreadme = false\n"
    let manifest = try Manifest(toml: old.utf8)
    #expect(manifest.edition == "2015")
    #expect(manifest.readme == nil)
    #expect(manifest.declaredBinaries.isEmpty)
  }

  @Test("binaries are found by their files")
  func discovery() throws {
    let files = [
      "src/main.rs", "src/lib.rs", "src/bin/one.rs", "src/bin/two/main.rs", "src/bin/two/help.rs",
      "src/bin/.rs", "src/bin/deep/er/main.rs", "tests/src/main.rs", "src/bin/notes.txt",
    ]
    #expect(try names(head, files) == ["one", "tool", "two"])
    #expect(try names(head, ["src/lib.rs"]) == [])
    #expect(try names(head + "autobins = false\n", files) == [])
  }

  @Test("binaries of an unpacked crate are found in its folder")
  func unpacked() async throws {
    try await withFolder { folder in
      for path in ["src/main.rs", "src/bin/two/main.rs"] {
        let url = URL(fileURLWithPath: folder + "/" + path)
        try FileManager.default.createDirectory(
          at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data().write(to: url)
      }
      let manifest = try Manifest(toml: head.utf8)
      #expect(manifest.binaryTargets(ofCrateIn: folder).map(\.name) == ["tool", "two"])
      #expect(manifest.binaryTargets(ofCrateIn: folder + "/nowhere") == [])
    }
  }

  @Test("values that are nested without end are refused", arguments: ["[", "{a="])
  func nested(opening: String) {
    let toml = head + "x = " + String(repeating: opening, count: 100_000)
    do {
      _ = try Manifest(toml: toml.utf8)
      Issue.record("was read")
    } catch {
      guard case .malformed = error else {
        Issue.record("\(error)")
        return
      }
    }
  }

  @Test("keys of more parts than the stack bears are refused, those of many are read")
  func manyParts() throws {
    for opening in ["[a", "a"] {
      let end = opening == "[a" ? "]\n" : " = 1\n"
      let deep = head + "# x [\n" + opening + String(repeating: ".a", count: 100_000) + end
      guard
        case .malformed(5, _, _)? = #expect(
          throws: ManifestError.self,
          performing: {
            try Manifest(toml: deep.utf8)
          })
      else {
        Issue.record("\(opening): no place")
        continue
      }
    }
    // Quotes hide parts of keys from nobody.
    let quoted =
      head + "x = { y = \"\"\"\n' \"\"\", a" + String(repeating: ".a", count: 100_000) + " = 'z' }"
    #expect(throws: ManifestError.self) { try Manifest(toml: quoted.utf8) }
    let dots = head + "description = \"" + String(repeating: "a.", count: 100_000) + "\"\n"
    #expect(try Manifest(toml: dots.utf8).description?.utf8.count == 200_000)
    // Metadata that nobody asked for may be nested like this; its text is as long as that, not a thousand
    // times longer.
    let metadata = "[package.metadata.buildsrs" + String(repeating: ".a", count: 400) + "]\nx = 1\n"
    let manifest = try Manifest(toml: (head + metadata).utf8)
    #expect(try #require(manifest.buildsrsMetadata).utf8.count < 10_000)
    let nested =
      head + "x = " + String(repeating: "[", count: 80) + String(repeating: "1,", count: 1 << 18)
    #expect(throws: ManifestError.self) { try Manifest(toml: nested.utf8) }
    _ = try Manifest(toml: (nested + String(repeating: "]", count: 80)).utf8)
  }

  @Test("a declared binary takes the place of the file that it names")
  func declared() throws {
    let toml = head + "edition = \"2021\"\n[[bin]]\nname = \"t\"\npath = \"src/main.rs\"\n"
    #expect(try names(toml, ["src/main.rs", "src/bin/one.rs"]) == ["one", "t"])
    let named = head + "edition = \"2021\"\n[[bin]]\nname = \"one\"\nrequired-features = [\"x\"]\n"
    let targets = try Manifest(toml: named.utf8).binaryTargets(files: ["src/bin/one.rs"])
    #expect(targets == [BinaryTarget(name: "one", requiredFeatures: ["x"])])
  }

  @Test("edition 2015 looks for no others once a binary is declared, unless it is told to")
  func edition2015() throws {
    let bin = "[[bin]]\nname = \"t\"\npath = \"t.rs\"\n"
    #expect(try names(head + bin, ["src/main.rs"]) == ["t"])
    #expect(try names(head + "autobins = true\n" + bin, ["src/main.rs"]) == ["t", "tool"])
    #expect(try names(head + "edition = \"2018\"\n" + bin, ["src/main.rs"]) == ["t", "tool"])
  }

  @Test("what is wrong is named")
  func errors() {
    let cases: [(String, ManifestError)] = [
      ("", .missing(key: "package")),
      ("[package]\nname = \"tool\"\n", .missing(key: "package.version")),
      ("[package]\nname = 1\n", .wrongType(key: "package.name", expected: "a text")),
      ("[package]\nname = \"../x\"\nversion = \"1.0.0\"\n", .badName("../x")),
      ("[package]\nname = \"x\"\nversion = \"1\"\n", .badVersion("1")),
      ("package = 1\n", .wrongType(key: "package", expected: "a table")),
      (head + "[[bin]]\npath = \"x\"\n", .missing(key: "bin.name")),
      (head + "[bin]\nname = \"x\"\n", .wrongType(key: "bin", expected: "an array of tables")),
      (head + "a = \u{0}\n", .notText),
    ]
    for (toml, error) in cases {
      #expect(throws: error) { try Manifest(toml: toml.utf8) }
    }
    #expect(throws: ManifestError.notText) { try Manifest(toml: [0xFF, 0xFE]) }
    do {
      _ = try Manifest(toml: "[package]\nname = \n".utf8)
      Issue.record("was read")
    } catch {
      guard case .malformed(2, _, _) = error else {
        Issue.record("\(error)")
        return
      }
    }
  }

  @Test(
    "mistakes that the parser asserts away are told with their line",
    arguments: [
      ("é = ", "1", 5), ("[", "\n", 5), ("[[ ", "$ ]]\n", 5), ("[", "\u{1B}x]\n", 5),
      ("a = [ ", "}\n", 5),
      ("a = [1,\n  [ ", "} ] ]\n", 6), ("a = { b = [ ", "} }", 5), ("a = [ ", "\u{2028} ]", 5),
      ("a = 1979-05-27T", "&07:32", 5), ("a = 1979-05-27t", "\n", 5),
      ("a = 1979-05-27 ", "0\n", 5), ("a = [1, 1979-05-27 ", "0]", 5),
    ])
  func pitfalls(before: String, after: String, line: Int) throws {
    let error = try #require(throws: ManifestError.self) {
      try Manifest(toml: (head + "# x [\n" + before + after).utf8)
    }
    guard case .malformed(line, _, _) = error else {
      Issue.record("\(error)")
      return
    }
  }

  @Test("what looks like one of them in strings, comments and arrays is none")
  func noPitfalls() throws {
    let rest = #"""
      description = """
      [!]
      \"" [ } """
      readme = 'a[ }é' # [ } é
      authors = [ "[", "}", '\',
        "é" ] # }
      license = '''
      [$] }'''''
      [ metadata . "é[" ]
      a = [
        [ [
          { b = [ ] } ] ],
      ]
      dates = [ 1979-05-27, 1979-05-27T07:32:00Z , 1979-05-27 07:32:00 , 07:32:00 ] # 1979-05-27 0
      1979-05-27T-x = 0 # a key
      date = 1979-05-27 # 0
      inline = { 1979-05-27T-x = 1, b = 0 }
      [[bin]]
      name = "x"

      """#
    let manifest = try Manifest(toml: ("\u{FEFF}" + head + rest).utf8)
    #expect(manifest.description == "[!]\n\"\" [ } ")
    #expect(manifest.license == "[$] }''")
    #expect(manifest.declaredBinaries.map(\.name) == ["x"])
  }
}
