import Recipes
import Testing

@Suite("Files that are no usable YAML")
struct YAMLMistakeTests {
  @Test(
    "syntax and structure are told with their place",
    arguments: [
      (
        "triple: [a\nexecutor: x\n",
        "2:9: did not find expected ',' or ']', while parsing a flow sequence that begins at line 1"
      ),
      ("a: b: c\n", "1:5: mapping values are not allowed in this context"),
      (
        "triple: \"a\n",
        "2:1: found unexpected end of stream, while scanning a quoted scalar that begins at line 1"
      ),
      (
        "\ttriple: a\n",
        "1:1: found character that cannot start any token, while scanning for the next token"
      ),
      ("triple: &a t-x\nexecutor: *a\n", "1:9: anchor “&a” is not accepted: repeat the value"),
      ("? [a]\n: b\n", "1:3: a key must be a text, not a list or a mapping"),
      ("a: 1\n---\nb: 1\n", "2:1: a second document begins: a file holds one"),
      ("a: 1\na: 2\n", "2:1: duplicate key “a”: it is already in line 1"),
      (
        "a: !!python/object x\n",
        "1:4: tag “tag:yaml.org,2002:python/object” is not accepted: leave it out"
      ),
      ("a: \u{7}\n", "1:4: control characters are not allowed"),
    ])
  func structure(_ text: String, _ first: String) throws {
    let found = targetProblems(text)
    #expect(found.contains("targets/t-x.yaml:" + first), "\(found)")
  }

  @Test("an alias ends the reading: nothing is ever expanded")
  func alias() {
    let bomb = "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    #expect(
      targetProblems(bomb) == [
        "targets/t-x.yaml:1:4: anchor “&a” is not accepted: repeat the value",
        "targets/t-x.yaml:2:4: anchor “&b” is not accepted: repeat the value",
        "targets/t-x.yaml:2:8: alias “*a” is not accepted: repeat the value",
      ])
  }

  @Test("64 levels are read, 65 are not")
  func depth() {
    func nested(_ levels: Int) -> String {
      let lists = levels - 2  // in the file's mapping and that of the module
      let open = String(repeating: "[", count: lists)
      let close = String(repeating: "]", count: lists)
      return "triple: t-x\nexecutor: m\nm: { deep: \(open)\(close) }\n"
    }
    #expect(targetProblems(nested(64)) == [])
    #expect(
      targetProblems(nested(65)) == [
        "targets/t-x.yaml:3:74: nested more than 64 levels deep"
      ])
  }

  @Test("a file of a mebibyte is read, a larger one is not")
  func size() {
    let good = "triple: t-x\nexecutor: m\n#"
    let full = good + String(repeating: "x", count: SourceText.maximumBytes - good.utf8.count)
    #expect(targetProblems(full) == [])
    #expect(
      targetProblems(full + "x") == [
        "targets/t-x.yaml: the file is too large: expected at most 1 MiB"
      ])
  }

  @Test("bytes that are no UTF-8 are told with their place")
  func encoding() {
    let bytes = Array("triple: t-x\n# é ".utf8) + [0xC3, 0x28, 10]
    #expect(
      problems(SourceText(path: "targets/t-x.yaml", bytes: bytes)) == [
        "targets/t-x.yaml:2:5: this is no UTF-8"
      ])
    let utf16: [UInt8] = [0xFF, 0xFE, 0x61, 0]
    #expect(
      problems(SourceText(path: "targets/t-x.yaml", bytes: utf16)) == [
        "targets/t-x.yaml:1:1: this is no UTF-8"
      ])
  }

  @Test("a message shows the line and a caret, and nothing that steers a terminal")
  func excerpt() throws {
    do throws(RecipeErrors) {
      _ = try RecipeSet(files: [
        SourceText(path: "targets/t-x.yaml", text: "triple: t-x\nexecutor: m\n  \ntirer:\t1\n")
      ])
      Issue.record("the file was taken")
    } catch {
      #expect(
        error.description == """
          targets/t-x.yaml:4:1: unknown key “tirer”: did you mean “tier”?
           4 | tirer: 1
             | ^
          """)
    }
    #expect(
      targetProblems("triple: t-x\nexecutor: m\n\"a\\e[2J\\u202E\": 1\n") == [
        "targets/t-x.yaml:3:1: unknown key “a\\u{1b}[2J\\u{202e}”: "
          + "expected one of triple, executor, tier, rust, linker, glibc, runner, policy, limits, alternatives, builders, m"
      ])
  }

  @Test("a long line is cut around its mistake")
  func longLine() throws {
    let text = "triple: t-x\nexecutor: m\nrunner: [\(String(repeating: "a, ", count: 300)){}]\n"
    do throws(RecipeErrors) {
      _ = try RecipeSet(files: [SourceText(path: "targets/t-x.yaml", text: text)])
      Issue.record("the file was taken")
    } catch {
      let lines = error.description.split(separator: "\n")
      #expect(
        lines[0]
          == "targets/t-x.yaml:3:910: an item of “runner” is a mapping: expected an argument"
      )
      #expect(lines[1].count == 5 + 63)
      #expect(lines[2].count == 5 + 61)
    }
  }

  /// The diagnostics of `targets/t-x.yaml` with as many unknown keys.
  private func unknownKeys(_ count: Int) -> RecipeErrors? {
    let keys = (0..<count).map { "unknown-key-\($0): 1" }.joined(separator: "\n")
    do throws(RecipeErrors) {
      _ = try RecipeSet(files: [
        SourceText(path: "targets/t-x.yaml", text: "triple: t-x\nexecutor: m\n\(keys)\n")
      ])
      return nil
    } catch {
      return error
    }
  }

  @Test("all mistakes of a file are told up to a thousand, and then how many more there are")
  func manyMistakes() throws {
    #expect(unknownKeys(1000)?.diagnostics.count == 1000)
    let errors = try #require(unknownKeys(1234))
    #expect(errors.diagnostics.count == 1001)
    #expect(errors.diagnostics.last?.unlisted == 234)
    #expect(
      errors.diagnostics.last?.summary
        == "targets/t-x.yaml: and 234 more mistakes, which are not listed")
    #expect(RecipeDiagnostic.errorCount(errors.diagnostics) == 1234)
  }

  @Test("people are shown fifty mistakes of a file, and how many more there are")
  func mistakesForPeople() throws {
    #expect(RecipeDiagnostic.forPeople(try #require(unknownKeys(50)).diagnostics).count == 50)
    for (count, more) in [
      (51, "1 more mistake"), (120, "70 more mistakes"), (1234, "1184 more mistakes"),
    ] {
      let shown = RecipeDiagnostic.forPeople(try #require(unknownKeys(count)).diagnostics)
      #expect(shown.count == 51)
      #expect(shown.last?.summary == "targets/t-x.yaml: and \(more)")
      #expect(RecipeDiagnostic.errorCount(shown) == count)
    }
  }

  @Test(
    "what shows only when all files are read is bounded, too, and warnings hide no mistake there")
  func lateMistakes() throws {
    func text(_ end: String) -> String {
      let patterns = (0..<1100).map { "      t-\($0): {}\n" }.joined()
      return "crate: c\nversions:\n  - targets:\n\(patterns)\(end)"
    }
    let set = try RecipeSet(files: [
      sampleTarget, SourceText(path: "recipes/c.yaml", text: text("")),
    ])
    #expect(set.warnings.count == 1001)
    #expect(set.warnings.last?.unlisted == 100)
    do throws(RecipeErrors) {
      _ = try RecipeSet(files: [
        sampleTarget, SourceText(path: "recipes/c.yaml", text: text("    executor: other\n")),
      ])
      Issue.record("the file was taken")
    } catch {
      #expect(error.diagnostics.count { $0.severity == .error } == 1)
      #expect("\(error)".contains("1104:5: no target file offers the executor “other”"))
    }
  }

  @Test("warnings, however many, hide no mistake")
  func warningsBeforeMistakes() throws {
    let items = String(repeating: "  - { when: \"1\" }\n", count: 1100)
    let text = "crate: c\nversions:\n  - {}\n\(items)  - { linker: gold }\n"
    do throws(RecipeErrors) {
      _ = try RecipeSet(files: [sampleTarget, SourceText(path: "recipes/c.yaml", text: text)])
      Issue.record("the file was taken")
    } catch {
      let errors = error.diagnostics.filter { $0.severity == .error }.map(\.summary)
      #expect(errors == ["recipes/c.yaml:1104:15: “linker” cannot be “gold”: expected gcc or zig"])
      #expect(error.diagnostics.last?.unlisted == 101)
      let shown = RecipeDiagnostic.forPeople(error.diagnostics)
      #expect(shown.filter { $0.severity == .error }.map(\.summary) == errors)
      #expect(shown.count == 52)
      #expect(shown.last?.summary == "recipes/c.yaml: warning: and 1051 more warnings")
      #expect("\(error)".contains("cannot be “gold”"))
    }
  }

  @Test("random damage to a good file is read or told, never a crash")
  func damage() {
    let good = Array(
      """
      triple: t-x
      executor: m
      m: { a: [1, "b", true], c: {d: e} }
      policy: { needed: [libc.so.6] }
      limits: { memory: 4GiB, time: 15m }
      """.utf8)
    var random = SplitMix(state: 1)
    let interesting = Array("{}[]:,&*!|>'\"%@`#-? \n\t\0\u{7f}".utf8) + [0xFF, 0xC3, 0xEF]
    for _ in 0..<3000 {
      var bytes = good
      for _ in 0...Int(random.next() % 3) {
        bytes[Int(random.next() % UInt64(bytes.count))] =
          interesting[Int(random.next() % UInt64(interesting.count))]
      }
      for problem in problems(SourceText(path: "targets/t-x.yaml", bytes: bytes)) {
        #expect(problem.hasPrefix("targets/t-x.yaml:"))
      }
    }
  }
}

/// A generator that gives the same numbers in every run (Steele, Lea, Flood: SplitMix64).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
