import Recipes
import Testing

@Suite("Executors that recipes ask for")
struct ExecutorWordsTests {
  private static func problems(_ recipe: String) -> [String] {
    let target = "executor: docker-cross\nrust: \">=1.85\"\n"
    let files = [
      SourceText(
        path: "targets/aarch64-unknown-linux-gnu.yaml",
        text: "triple: aarch64-unknown-linux-gnu\n" + target
          + "alternatives:\n  qemu: { configuration: { debian: arm64 } }\n"),
      SourceText(
        path: "targets/x86_64-unknown-linux-gnu.yaml",
        text: "triple: x86_64-unknown-linux-gnu\n" + target),
      SourceText(path: "recipes/tool.yaml", text: "crate: tool\nversions:\n  - " + recipe),
    ]
    do {
      _ = try RecipeSet(files: files)
      return []
    } catch { return error.diagnostics.map(\.summary) }
  }

  @Test(
    "one that a target offers is right, also where the word is for many targets",
    arguments: [
      "executor: qemu\n", "executor: docker-cross\n",
      "targets: { aarch64-*: { executor: qemu } }\n",
      "targets: { \"*\": { executor: qemu } }\n", "targets: { riscv64*: { skip: none } }\n",
    ])
  func right(recipe: String) { #expect(Self.problems(recipe) == []) }

  @Test("one that no target offers is told with what they offer")
  func wrong() {
    #expect(
      Self.problems("executor: docker-crsos\n") == [
        "recipes/tool.yaml:3:5: no target file offers the executor “docker-crsos” for any of these"
          + " targets: did you mean “docker-cross”?"
      ])
    #expect(
      Self.problems("targets:\n      x86_64-*: { executor: qemu }\n") == [
        "recipes/tool.yaml:4:19: no target file offers the executor “qemu” for"
          + " x86_64-unknown-linux-gnu: expected docker-cross"
      ])
  }

  @Test("where one word is wrong nothing of the file holds, and other words are checked, too")
  func several() {
    let found = Self.problems("executor: none\n    targets: { aarch64-*: { executor: other } }\n")
    #expect(found.count == 2, "\(found)")
  }

  @Test("what the default recipe says of executors and linkers has no effect, which is told")
  func defaults() throws {
    let set = try RecipeSet(files: [
      SourceText(
        path: "targets/x86_64-unknown-linux-gnu.yaml",
        text: "triple: x86_64-unknown-linux-gnu\nexecutor: docker-cross\nrust: \">=1.85\"\n"),
      SourceText(
        path: "recipes/_default.yaml",
        text: "executor: other\ntargets: { x86_64-*: { linker: zig } }\n"),
    ])
    #expect(
      set.warnings.map(\.summary) == [
        "recipes/_default.yaml:1:1: warning: “executor” has no effect in the default recipe: expected it"
          + " in a target's file or in a crate's recipe",
        "recipes/_default.yaml:2:24: warning: “linker” has no effect in the default recipe: expected it"
          + " in a target's file or in a crate's recipe",
      ])
  }
}
