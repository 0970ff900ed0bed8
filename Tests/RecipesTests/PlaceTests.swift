import Recipes
import Testing

@Suite("Places and excerpts, as editors count")
struct PlaceTests {
  /// What a recipe's first error says, with its excerpt.
  private func first(_ text: String) -> String? {
    do throws(RecipeErrors) {
      _ = try RecipeSet(files: [sampleTarget, SourceText(path: "recipes/c.yaml", text: text)])
      return nil
    } catch {
      return error.diagnostics.first.map { "\($0)" }
    }
  }

  @Test("a byte order mark is no part of the text")
  func byteOrderMark() {
    #expect(first("\u{FEFF}crate: c\n") == nil)
    #expect(
      first("\u{FEFF}")
        == "recipes/c.yaml: the file is empty: expected a mapping with crate and versions")
    #expect(
      first("\u{FEFF}crat: c\n") == """
        recipes/c.yaml:1:1: unknown key “crat”: did you mean “crate”?
         1 | crat: c
           | ^
        """)
  }

  @Test(
    "lines end where an editor ends them, not where YAML 1.1 does",
    arguments: ["# x\u{85}\n", "# \u{2028}\u{2029}\n", "# x\r\n", "# x\r", "\r\n", "\n", "\r"])
  func lines(_ line: String) {
    #expect(
      first("crate: c\n\(line)versionz: []") == """
        recipes/c.yaml:3:1: unknown key “versionz”: did you mean “versions”?
         3 | versionz: []
           | ^
        """)
  }

  @Test("a problem of syntax is told by the same lines")
  func syntax() {
    #expect(
      first("crate: c # \u{85}\nversions: [a\nfeatures: b\n") == """
        recipes/c.yaml:3:9: did not find expected ',' or ']', while parsing a flow sequence that begins at line 2
         3 | features: b
           |         ^
        """)
    #expect(
      first("crate: c # \u{85}\n# é\u{7}\n") == """
        recipes/c.yaml:2:4: control characters are not allowed
         2 | # é\u{20}
           |    ^
        """)
  }

  @Test("the caret stands under its character where others are wide, or have no width")
  func width() {
    #expect(
      first("crate: c\nversions: [{ 漢字: 1 }, { x漢: 2 }]\n")?.hasSuffix(
        "\n 2 | versions: [{ 漢字: 1 }, { x漢: 2 }]\n   |              ^") == true)
    #expect(
      first("crate: c\nversions: [{ skip: 漢字, feature: 2 }]\n")?.hasSuffix(
        "\n 2 | versions: [{ skip: 漢字, feature: 2 }]\n   |                          ^") == true)
    #expect(
      first("crate: c\nversions: [{ skip: e\u{301}, feature: 2 }]\n")?.hasSuffix(
        "\n 2 | versions: [{ skip: e\u{301}, feature: 2 }]\n   |                       ^") == true)
  }

  @Test("a place far into a long line of all kinds of characters is found")
  func longLine() {
    let filler = String(repeating: "é漢🦀a", count: 300)
    let text = "crate: c\n\n# \(filler)\nversions: [{ skip: \(filler), feature: 2 }]\n"
    #expect(
      first(text)?.hasPrefix(
        "recipes/c.yaml:4:1222: unknown key “feature”: did you mean “features”?\n 4 | 🦀aé漢")
        == true)
    #expect(first(text)?.contains("a, feature: 2 }]\n") == true)
  }
}
