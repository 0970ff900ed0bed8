import FarmModel
import Recipes
import Testing

@Suite("Where a plan's values come from")
struct ExplanationTests {
  static let triple = "aarch64-unknown-linux-gnu"

  private func explanation(
    _ recipe: String, defaults: String = "", author: AuthorMetadata? = nil
  ) throws -> PlanExplanation {
    let set = try RecipeSet(files: [
      SourceText(
        path: "targets/\(Self.triple).yaml",
        text: """
          triple: \(Self.triple)
          executor: docker-cross
          linker: zig
          glibc: "2.17"
          runner: [qemu-aarch64-static]
          policy: { needed: [libc.so.6,
            libm.so.6] }
          limits: { memory: 2GiB, time: 10m }
          alternatives:
            qemu:
              glibc: "2.36"
              limits: { time: 4h }
          """),
      SourceText(
        path: "targets/x86_64-unknown-linux-gnu.yaml",
        text: "triple: x86_64-unknown-linux-gnu\nexecutor: native\n"),
      SourceText(path: "recipes/_default.yaml", text: defaults),
      SourceText(path: "recipes/c.yaml", text: "crate: c\n" + recipe),
    ])
    var facts = try #require(VersionFacts.make("c", "1.0.0"))
    facts.metadata = author
    let triple = try #require(TargetTriple(Self.triple))
    return try #require(set.explain(facts, target: triple))
  }

  /// `key value place` of all values of a key or of keys inside of it.
  private func lines(_ explanation: PlanExplanation, _ keys: String...) -> [String] {
    explanation.values.filter { value in
      keys.contains { value.key == $0 || value.key.hasPrefix($0 + ".") }
    }.map { value in
      let place = value.origin?.replacing("targets/\(Self.triple).yaml", with: "target") ?? "-"
      return "\(value.key) \(value.value) \(place)"
    }
  }

  @Test("an alternative's values come from its own lines")
  func alternative() throws {
    let own = try explanation("")
    #expect(
      lines(own, "executor", "linker", "glibc", "runner") == [
        "executor docker-cross target:2", "linker zig target:3", "glibc 2.17 target:4",
        "runner qemu-aarch64-static target:5",
      ])
    let emulated = try explanation("versions:\n  - executor: qemu\n")
    #expect(
      lines(emulated, "executor", "linker", "glibc", "runner", "limits.time", "limits.memory") == [
        "executor qemu recipes/c.yaml:3", "linker gcc -", "glibc 2.36 target:11", "runner  -",
        "limits.memory 2GiB target:8", "limits.time 4h target:12",
      ])
  }

  @Test("a promise that another linker gives up is absent because of it")
  func otherLinker() throws {
    let explanation = try explanation("versions:\n  - linker: gcc\n")
    #expect(
      lines(explanation, "linker", "glibc") == [
        "linker gcc recipes/c.yaml:3", "glibc  recipes/c.yaml:3",
      ])
  }

  @Test("an executor that the target does not name has the target's runner and nothing else of it")
  func unnamed() throws {
    let explanation = try explanation("versions:\n  - executor: native\n")
    #expect(
      lines(explanation, "executor", "linker", "glibc", "runner") == [
        "executor native recipes/c.yaml:3", "linker gcc -", "glibc  -",
        "runner qemu-aarch64-static target:5",
      ])
  }

  @Test("each limit, variable, package and library has its own place")
  func merged() throws {
    let explanation = try explanation(
      """
      versions:
        - environment: { BB: "2",
            DD: "3" }
          limits: { disk: 1000 }
          needed: [libb.so, libm.so.6]
          targets:
            "*-gnu":
              environment: { DD: c }
              packages: { debian: [libz-dev,
                libssl-dev] }
              limits: { time: 1h }
      """,
      defaults: """
        environment: { AA: "1", BB: "1" }
        limits: { processes: 7, disk: 1GiB }
        needed: [liba.so, libb.so]
        packages: { debian: [old] }
        """)
    #expect(
      lines(explanation, "limits", "packages", "environment", "needed") == [
        "limits.memory 2GiB target:8", "limits.time 1h recipes/c.yaml:12",
        "limits.log 10MiB -", "limits.disk 1000 recipes/c.yaml:5",
        "limits.processes 7 recipes/_default.yaml:2",
        "packages.debian libssl-dev recipes/c.yaml:11",
        "packages.debian libz-dev recipes/c.yaml:10",
        "environment.AA 1 recipes/_default.yaml:1", "environment.BB 2 recipes/c.yaml:3",
        "environment.DD c recipes/c.yaml:9", "needed libc.so.6 target:6",
        "needed libm.so.6 target:7", "needed liba.so recipes/_default.yaml:3",
        "needed libb.so recipes/_default.yaml:3",
      ])
  }

  @Test("a skip has a place")
  func skip() throws {
    func skip(_ recipe: String, defaults: String = "", author: AuthorMetadata? = nil) throws
      -> String?
    {
      try explanation(recipe, defaults: defaults, author: author).skip
        .map { "\($0.value) \($0.origin ?? "-")" }
    }
    #expect(try skip("versions:\n  - skip: no display\n") == "no display recipes/c.yaml:3")
    #expect(
      try skip(
        "versions:\n  - targets:\n      \"*-gnu\": { skip: x11 }\n", defaults: "skip: today\n")
        == "x11 recipes/c.yaml:4")
    #expect(try skip("", defaults: "skip: today\n") == "today recipes/_default.yaml:1")
    #expect(try skip("versions:\n  - skip: false\n", defaults: "skip: today\n") == nil)
    #expect(
      try skip("", author: AuthorMetadata(targets: ["*-musl"]))?
        .hasSuffix("only Cargo.toml [package.metadata.buildsrs]") == true)
    #expect(
      try skip("versions:\n  - skip: false\n", author: AuthorMetadata(optOut: "never"))
        == "never Cargo.toml")
  }
}
