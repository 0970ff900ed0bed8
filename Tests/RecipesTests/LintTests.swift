import Foundation
import Recipes
import Testing

@Suite("All mistakes of a directory at once")
struct LintTests {
  /// Tests/RecipeMistakes
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "RecipeMistakes").path(percentEncoded: false)

  static func diagnostics() -> [RecipeDiagnostic] {
    do throws(RecipeErrors) {
      _ = try RecipeSet.load(
        targetsDirectory: folder + "/targets", recipesDirectory: folder + "/recipes")
      return []
    } catch {
      return error.diagnostics.map { diagnostic in
        var diagnostic = diagnostic
        diagnostic.file = diagnostic.file.replacing(folder + "/", with: "")
        diagnostic.message = diagnostic.message.replacing(folder + "/", with: "")
        return diagnostic
      }
    }
  }

  @Test("more than twenty different mistakes are all told, each in its place")
  func all() {
    let expected = """
      targets/aarch64-unknown-linux-gnu.yaml:1:9: “triple” is not the file's name: expected “aarch64-unknown-linux-gnu”
      targets/aarch64-unknown-linux-gnu.yaml:2:11: “executor” is a list: expected the name of an executor module such as docker-cross
      targets/aarch64-unknown-linux-gnu.yaml:3:19: “needed” is text: expected a list of library names
      targets/x86_64-unknown-linux-gnu.yaml:4:7: “tier” cannot be “4”: expected 1, 2 or 3
      targets/x86_64-unknown-linux-gnu.yaml:5:9: “linker” cannot be “zog”: did you mean “zig”?
      targets/x86_64-unknown-linux-gnu.yaml:6:8: “glibc” cannot be “3.1”: expected a version such as 2.36
      targets/x86_64-unknown-linux-gnu.yaml:7:19: “memory” cannot be “4GB”: expected a size such as 4GiB, 512MiB or 65536
      targets/x86_64-unknown-linux-gnu.yaml:8:1: unknown key “runer”: did you mean “runner”?
      recipes/_default.yaml:1:1: unknown key “crate”: expected one of features, default-features, binaries, packages, environment, smoke, limits, skip, needed, executor, linker, targets
      recipes/bat.yaml:3:5: anchor “&all” is not accepted: repeat the value
      recipes/bat.yaml:4:5: alias “*all” is not accepted: repeat the value
      recipes/empty.yaml: the file is empty: expected a mapping with crate and versions
      recipes/fd-find.yaml:1:1: missing key “crate”: expected the crate's name
      recipes/hexyl.yaml:3:1: did not find expected node content, while parsing a flow node
      recipes/latin.yaml:2:6: this is no UTF-8
      recipes/ripgrep.yaml:3:11: “when” cannot be “newest”: expected a version requirement such as >=13
      recipes/ripgrep.yaml:4:16: an item of “features” cannot be “pcre 2”: expected a feature name
      recipes/ripgrep.yaml:5:5: unknown key “enviroment”: did you mean “environment”?
      recipes/ripgrep.yaml:6:20: “PATH” cannot be set: it is part of the environment that the executor provides
      recipes/ripgrep.yaml:7:23: “expect” cannot be “(”: expected a regular expression as RE2 takes it, of at most 500 bytes
      recipes/ripgrep.yaml:8:11: “skip” gives no reason: expected the reason as text, or false
      recipes/ripgrep.yaml:9:21: “time” cannot be “soon”: expected a duration such as 90s, 15m or 2h
      recipes/ripgrep.yaml:10:5: duplicate key “features”: it is already in line 4
      recipes/two.yaml:2:1: a second document begins: a file holds one
      recipes/a_b.yaml: recipes/a-b.yaml is a recipe of the same crate: expected one file a crate
      """
    #expect(Self.diagnostics().map(\.summary) == expected.split(separator: "\n").map(String.init))
  }

  @Test("a mistake shows its line with a caret below it")
  func excerpt() {
    let tier = Self.diagnostics().first { $0.message.contains("“tier”") }
    #expect(tier?.excerpt == " 4 | tier: 4\n   |       ^")
  }

  @Test("a workflow's annotations have file, line and column, and nothing breaks out of them")
  func annotations() {
    let tier = Self.diagnostics().first { $0.message.contains("“tier”") }
    #expect(
      tier?.workflowAnnotation
        == "::error file=targets/x86_64-unknown-linux-gnu.yaml,line=4,col=7::“tier” cannot be “4”: expected 1, 2 or 3"
    )
    let hostile = RecipeDiagnostic(
      file: "a,b:c%\n", line: 0, column: 0, message: "100%\r\n::error::x", severity: .warning)
    #expect(
      hostile.workflowAnnotation
        == "::warning file=a%2Cb%3Ac%25%0A::100%25%0D%0A::error::x")
  }
}
