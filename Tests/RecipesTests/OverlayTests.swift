import ExecutorKit
import FarmModel
import Recipes
import Testing

@Suite("How recipes and targets lie over one another")
struct OverlayTests {
  static let gnu = "aarch64-unknown-linux-gnu"
  static let musl = "x86_64-unknown-linux-musl"

  static func set(recipe: String, defaults: String = "") throws -> RecipeSet {
    try RecipeSet(files: [
      SourceText(
        path: "targets/\(gnu).yaml",
        text: """
          triple: \(gnu)
          executor: docker-cross
          docker-cross: { containerfile: a/Containerfile }
          rust: ">=1.90"
          glibc: "2.36"
          runner: [qemu-aarch64-static]
          policy: { needed: [libc.so.6, libm.so.6] }
          limits: { memory: 2GiB, time: 10m }
          """),
      SourceText(
        path: "targets/\(musl).yaml", text: "triple: \(musl)\nexecutor: musl-static\ntier: 2\n"),
      SourceText(path: "recipes/_default.yaml", text: defaults),
      SourceText(path: "recipes/My-Crate.yaml", text: "crate: My-Crate\n" + recipe),
    ])
  }

  private func decision(
    _ set: RecipeSet, _ version: String = "1.0.0", crate: String = "My-Crate",
    target: String = gnu
  ) throws -> PlanDecision {
    let triple = try #require(TargetTriple(target))
    return set.plan(for: try #require(.make(crate, version)), target: triple)
  }

  private func plan(
    _ set: RecipeSet, _ version: String = "1.0.0", crate: String = "My-Crate",
    target: String = gnu
  ) throws -> Plan {
    try #require(try decision(set, version, crate: crate, target: target).plan)
  }

  @Test("the first item whose requirement accepts the version holds, alone")
  func firstMatch() throws {
    let set = try Self.set(
      recipe: """
        versions:
          - { when: ">=2", features: [two] }
          - { when: ">=1.5", features: [one-and-a-half], default-features: false }
          - { when: ">=2.5", features: [never] }
        """)
    #expect(try plan(set, "2.7.0").inputs.features == ["two"])
    #expect(try plan(set, "2.7.0").inputs.usesDefaultFeatures)
    #expect(try plan(set, "1.5.0").inputs.features == ["one-and-a-half"])
    #expect(try !plan(set, "1.5.0").inputs.usesDefaultFeatures)
    #expect(try plan(set, "1.4.9").inputs.features == [])
    #expect(try plan(set, "2.7.0", crate: "other").inputs.features == [])
  }

  @Test("a pre-release counts as the release that it precedes")
  func prerelease() throws {
    let set = try Self.set(
      recipe: "versions: [{ when: \">=2\", features: [two] }, { when: \"<2\", features: [one] }]\n")
    #expect(try plan(set, "2.0.0-rc.1").inputs.features == ["two"])
    #expect(try plan(set, "1.9.0-rc.1").inputs.features == ["one"])
  }

  @Test("a crate is found under every spelling of its name, and built under its own")
  func spelling() throws {
    let set = try Self.set(recipe: "versions: [{ features: [f] }]\n")
    let inputs = try plan(set, crate: "my_crate").inputs
    #expect(inputs.features == ["f"])
    #expect(inputs.crate == "my_crate")
  }

  @Test("all patterns that match apply in the file's order; lists replace, mappings merge")
  func patterns() throws {
    let set = try Self.set(
      recipe: """
        versions:
          - features: [b, a, b]
            packages: { debian: [libssl-dev, libz-dev] }
            environment: { ONE: 1, TWO: "2" }
            limits: { memory: 8GiB }
            targets:
              "*-linux-musl": { features: [], packages: { debian: [] } }
              "*": { environment: { TWO: two }, limits: { processes: 64 } }
              "x86_64-*": { features: [x], skip: "not there" }
              "x86_64-unknown-linux-musl": { skip: false }
        """)
    let gnu = try plan(set)
    #expect(gnu.inputs.features == ["a", "b"])
    #expect(gnu.inputs.packages == ["debian": ["libssl-dev", "libz-dev"]])
    #expect(gnu.inputs.environment == ["ONE": "1", "TWO": "two"])
    #expect(gnu.limits == Limits(memory: 8 << 30, timeSeconds: 600, processes: 64))
    let musl = try plan(set, target: Self.musl)
    #expect(musl.inputs.features == ["x"])
    #expect(musl.inputs.packages == [:])
    #expect(musl.inputs.glibc == nil)
    #expect(musl.limits == Limits(memory: 8 << 30, processes: 64))
  }

  @Test("the crate's recipe is stronger than the target's file, which is stronger than the default")
  func order() throws {
    let defaults = """
      features: [default]
      linker: zig
      executor: other
      limits: { memory: 1GiB, time: 1m, disk: 1GiB }
      needed: [libz.so.1]
      environment: { A: default, B: default }
      targets: { "*-gnu": { features: [gnu], environment: { B: gnu } } }
      """
    let plain = try plan(try Self.set(recipe: "", defaults: defaults))
    #expect(plain.inputs.features == ["gnu"])
    #expect(plain.inputs.linker == "gcc")
    #expect(plain.inputs.executor == "docker-cross")
    #expect(plain.inputs.environment == ["A": "default", "B": "gnu"])
    #expect(plain.limits == Limits(memory: 2 << 30, timeSeconds: 600, disk: 1 << 30))
    #expect(plain.checks.needed == ["libc.so.6", "libm.so.6", "libz.so.1"])
    let recipe = """
      versions:
        - linker: zig
          executor: musl-static
          limits: { time: 2h }
          needed: [libm.so.6, libssl.so.3]
          environment: { B: crate }
      """
    let own = try plan(try Self.set(recipe: recipe, defaults: defaults))
    #expect(own.inputs.linker == "zig")
    #expect(own.inputs.executor == "musl-static")
    #expect(own.inputs.configuration == .map([:]))
    #expect(own.inputs.environment == ["A": "default", "B": "crate"])
    #expect(own.limits == Limits(memory: 2 << 30, timeSeconds: 7200, disk: 1 << 30))
    #expect(own.checks.needed == ["libc.so.6", "libm.so.6", "libz.so.1", "libssl.so.3"])
  }

  @Test("what is not built has a reason")
  func skips() throws {
    let set = try Self.set(
      recipe: "versions: [{ when: \"1\", skip: needs a display }, { when: \"2\", skip: false }]\n",
      defaults: "skip: nothing is built today\n")
    #expect(try decision(set) == .skip("needs a display"))
    #expect(try decision(set, crate: "other") == .skip("nothing is built today"))
    #expect(try decision(set, "2.0.0").plan != nil)
    #expect(
      try decision(set, target: "a-b-c") == .skip("the farm does not build for a-b-c"))
    var yanked = try #require(VersionFacts.make("My-Crate", "2.0.0"))
    yanked.isYanked = true
    let triple = try #require(TargetTriple(Self.gnu))
    #expect(set.plan(for: yanked, target: triple) == .skip("the version is yanked"))
  }

  @Test("the publish time and the farm's lockfile are inputs")
  func facts() throws {
    let set = try Self.set(recipe: "")
    var facts = try #require(VersionFacts.make("c", "1.0.0", publishedAt: 1_700_000_000))
    facts.lockfile = String(repeating: "cd", count: 32)
    let triple = try #require(TargetTriple(Self.gnu))
    let inputs = try #require(set.plan(for: facts, target: triple).plan).inputs
    #expect(inputs.sourceDateEpoch == 1_700_000_000)
    #expect(inputs.lockfile == facts.lockfile)
    #expect(try plan(set).inputs.sourceDateEpoch == 1_577_836_800)
  }

  @Test("a set is made again, equal, of the files that it holds")
  func files() throws {
    let set = try Self.set(recipe: "versions: [{ features: [f] }]\n")
    #expect(try RecipeSet(files: set.files.reversed()) == set)
    #expect(
      set.files.map(\.path) == [
        "recipes/My-Crate.yaml", "recipes/_default.yaml", "targets/\(Self.gnu).yaml",
        "targets/\(Self.musl).yaml",
      ])
    #expect(try Self.set(recipe: "versions: [{ features: [g] }]\n").digest != set.digest)
  }
}

@Suite("A target's other executors")
struct AlternativeTests {
  static let triple = "aarch64-unknown-linux-gnu"

  private static func set(_ recipe: String = "") throws -> RecipeSet {
    try RecipeSet(files: [
      SourceText(
        path: "targets/\(Self.triple).yaml",
        text: """
          triple: \(Self.triple)
          executor: docker-cross
          docker-cross: { architectures: arm64 }
          linker: zig
          glibc: "2.17"
          runner: [qemu-aarch64-static]
          alternatives:
            qemu: { glibc: "2.36", configuration: { debian: arm64 }, limits: { time: 4h } }
          limits: { time: 20m, memory: 2GiB }
          """),
      SourceText(path: "recipes/c.yaml", text: "crate: c\n" + recipe),
    ])
  }

  private func plan(_ recipe: String = "", executor: String? = nil) throws -> Plan {
    let set = try Self.set(recipe)
    let triple = try #require(TargetTriple(Self.triple))
    let facts = try #require(VersionFacts.make("c", "1.0.0"))
    return try #require(set.plan(for: facts, target: triple, executor: executor).plan)
  }

  private func expectQEMU(_ plan: Plan) {
    #expect(plan.inputs.executor == "qemu")
    #expect(plan.inputs.linker == "gcc")
    #expect(plan.inputs.glibc == "2.36")
    #expect(plan.inputs.configuration == .map(["debian": .text("arm64")]))
    #expect(plan.checks.runner == [])
  }

  @Test("the target's own executor has the target's own linker, glibc, runner and configuration")
  func own() throws {
    let plan = try plan()
    #expect(plan.inputs.executor == "docker-cross")
    #expect(plan.inputs.linker == "zig")
    #expect(plan.inputs.glibc == "2.17")
    #expect(plan.inputs.configuration == .map(["architectures": .text("arm64")]))
    #expect(plan.checks.runner == ["qemu-aarch64-static"])
  }

  @Test("a recipe's choice brings the alternative's linker, glibc, runner and configuration")
  func recipe() throws {
    expectQEMU(try plan("versions: [{ executor: qemu }]\n"))
  }

  @Test("an alternative's limits are stronger than the target's and weaker than the recipe's")
  func limits() throws {
    let own = try plan().limits
    #expect(own.timeSeconds == 20 * 60)
    let emulated = try plan(executor: "qemu").limits
    #expect(emulated.timeSeconds == 4 * 3600)
    #expect(emulated.memory == 2 << 30)
    let chosen = try plan("versions: [{ executor: qemu, limits: { time: 6h } }]\n").limits
    #expect(chosen.timeSeconds == 6 * 3600)
  }

  @Test("what a person asks for by hand is stronger than the recipe")
  func byHand() throws {
    expectQEMU(try plan("versions: [{ executor: docker-cross }]\n", executor: "qemu"))
  }

  @Test("another linker than the offer's is held to no glibc")
  func otherLinker() throws {
    let plan = try plan("versions: [{ linker: gcc }]\n")
    #expect(plan.inputs.linker == "gcc")
    #expect(plan.inputs.glibc == nil)
  }

  @Test(
    "executor and linker of a pattern are stronger than those for all targets, later ones the more")
  func patterns() throws {
    let plan = try plan(
      """
      versions:
        - executor: docker-cross
          linker: zig
          targets:
            "aarch64-*": { executor: docker-cross, linker: zig }
            "*-gnu": { executor: qemu, linker: gcc }
            "*-musl": { executor: musl-static, linker: zig }

      """)
    expectQEMU(plan)
  }

  @Test("an environment made ahead of builds has the limits of its executor")
  func environment() throws {
    let set = try Self.set()
    let target = try #require(set.targets.first)
    let own = target.environmentPlan(for: target.offer(of: "docker-cross")).limits
    #expect(own.timeSeconds == 20 * 60)
    let emulated = target.environmentPlan(for: target.offer(of: "qemu")).limits
    #expect(emulated.timeSeconds == 4 * 3600)
    #expect(emulated.memory == 2 << 30)
  }

  @Test("an executor that the target does not name gets no configuration and no promise")
  func unnamed() throws {
    let plan = try plan(executor: "native")
    #expect(plan.inputs.configuration == .map([:]))
    #expect(plan.inputs.linker == "gcc")
    #expect(plan.inputs.glibc == nil)
  }
}
