import ExecutorKit
import FarmModel
import Foundation
import Recipes
import RegularExpressions
import Testing

@Suite("The farm's own targets and recipes")
struct RepositoryFilesTests {
  /// The package's root: Tests/RecipesTests/<this file>, three up.
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path(percentEncoded: false)

  static func load() throws -> RecipeSet {
    try RecipeSet.load(
      targetsDirectory: root + "targets", recipesDirectory: root + "recipes")
  }

  @Test("load without a diagnostic")
  func load() throws {
    let set = try Self.load()
    #expect(set.warnings == [])
    #expect(
      set.targets.map(\.triple.text) == [
        "aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl",
        "armv7-unknown-linux-gnueabihf", "i686-unknown-linux-gnu",
        "powerpc64le-unknown-linux-gnu", "s390x-unknown-linux-gnu", "x86_64-unknown-linux-gnu",
        "x86_64-unknown-linux-musl",
      ])
    #expect(set.recipes.count >= 25)
    #expect(set.digest.count == 64)
  }

  @Test("and so does the example of a recipe with system packages")
  func example() throws {
    let set = try RecipeSet.load(
      targetsDirectory: Self.root + "targets", recipesDirectory: Self.root + "Examples/recipes")
    #expect(set.warnings == [])
    let facts = try #require(VersionFacts.make("ripgrep", "13.0.0"))
    let target = try #require(TargetTriple("x86_64-unknown-linux-gnu"))
    let gnu = try #require(set.plan(for: facts, target: target).plan)
    #expect(gnu.inputs.packages == ["debian": ["libpcre2-dev"]])
    #expect(gnu.inputs.linker == "gcc" && gnu.inputs.glibc == nil)
    #expect(gnu.checks.needed.contains("libpcre2-8.so.0"))
    let other = try #require(TargetTriple("x86_64-unknown-linux-musl"))
    #expect(
      set.plan(for: facts, target: other) == .skip("there is no libpcre2-8.so.0 beside musl"))
  }

  @Test("make ripgrep's plan for aarch64 of the target's and the recipe's values")
  func ripgrepPlan() throws {
    let facts = try #require(
      VersionFacts.make("ripgrep", "13.0.0", publishedAt: 1_623_500_000))
    let target = try #require(TargetTriple("aarch64-unknown-linux-gnu"))
    let expected = Plan(
      inputs: BuildInputs(
        crate: "ripgrep", version: "13.0.0", checksum: facts.checksum,
        target: "aarch64-unknown-linux-gnu", executor: "docker-cross",
        configuration: .map([
          "containerfile": .text("docker-cross/Containerfile"),
          "arguments": .map([
            "gcc": .text("gcc-aarch64-linux-gnu"), "debian": .text("arm64"),
          ]),
        ]),
        rust: ">=1.85", linker: "zig", glibc: "2.17", sourceDateEpoch: 1_623_500_000),
      checks: BuildChecks(
        runner: ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"],
        needed: [
          "libc.so.6", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libdl.so.2",
          "librt.so.1", "libutil.so.1", "ld-linux-aarch64.so.1",
        ],
        smoke: [SmokeTest(binary: "rg", arguments: ["--version"], expect: "^ripgrep ")]),
      limits: Limits(
        memory: 4 << 30, timeSeconds: 900, log: 10 << 20, disk: 10 << 30, processes: 1024))
    #expect(try Self.load().plan(for: facts, target: target) == .plan(expected))
  }

  @Test("promise a glibc that zig links against, for every target of GNU's")
  func lowFloors() throws {
    for target in try Self.load().targets where target.executor == "docker-cross" {
      #expect(target.linker == .zig, "\(target.triple)")
      let expected = target.triple.text.hasPrefix("powerpc64le-") ? "2.32" : "2.17"
      #expect(target.glibc == expected, "\(target.triple)")
    }
  }

  @Test("say where each value of a plan comes from")
  func origins() throws {
    let facts = try #require(VersionFacts.make("hexyl", "0.8.0"))
    let target = try #require(TargetTriple("x86_64-unknown-linux-gnu"))
    let explanation = try #require(try Self.load().explain(facts, target: target))
    let places = explanation.values.map { value in
      "\(value.key) \(value.origin?.split(separator: "/").suffix(2).joined(separator: "/") ?? "-")"
    }
    #expect(
      places == [
        "executor targets/x86_64-unknown-linux-gnu.yaml:3",
        "linker targets/x86_64-unknown-linux-gnu.yaml:9",
        "rust targets/x86_64-unknown-linux-gnu.yaml:8",
        "glibc targets/x86_64-unknown-linux-gnu.yaml:10",
        "runner targets/x86_64-unknown-linux-gnu.yaml:11",
        "limits.memory targets/x86_64-unknown-linux-gnu.yaml:17",
        "limits.time targets/x86_64-unknown-linux-gnu.yaml:17",
        "limits.log targets/x86_64-unknown-linux-gnu.yaml:17",
        "limits.disk targets/x86_64-unknown-linux-gnu.yaml:17", "limits.processes -",
        "features -", "default-features recipes/_default.yaml:4", "binaries -", "packages -",
        "environment -", "smoke recipes/hexyl.yaml:4",
      ]
        + [14, 14, 14, 14, 14, 14, 14, 15].map {
          "needed targets/x86_64-unknown-linux-gnu.yaml:\($0)"
        })
  }

  @Test("begin with why they are there")
  func reasons() throws {
    let set = try Self.load()
    for file in set.files {
      #expect(file.bytes.starts(with: "# ".utf8), "\(file.path)")
    }
    // A crate's facts have a source.
    for recipe in set.files where recipe.path.hasPrefix("recipes/") && recipe.stem != "_default" {
      #expect(String(decoding: recipe.bytes, as: UTF8.self).contains("https://"), "\(recipe.path)")
    }
  }

  @Test(
    "make a plan of every crate for every target, or say why not",
    arguments: ["0.1.0", "0.9.60", "1.0.0", "2.0.0", "99.0.0-rc.1"])
  func plans(_ version: String) throws {
    let set = try Self.load()
    for recipe in set.recipes {
      let facts = try #require(VersionFacts.make(recipe.crate.text, version))
      for target in set.targets {
        switch set.plan(for: facts, target: target.triple) {
        case .plan(let plan):
          #expect(plan.inputs.crate == recipe.crate.text)
          #expect(plan.inputs.executor == target.executor)
          #expect(plan.checks.needed == target.needed)
        case .skip(let reason): #expect(reason.count > 10, "\(recipe.file)")
        }
      }
    }
  }

  @Test("expect what the programs print", arguments: KnownAnswer.all)
  func expectations(_ answer: KnownAnswer) throws {
    let set = try Self.load()
    let facts = try #require(VersionFacts.make(answer.crate, answer.version))
    let target = try #require(TargetTriple("x86_64-unknown-linux-gnu"))
    let plan = try #require(set.plan(for: facts, target: target).plan)
    let smoke = try #require(plan.checks.smoke.first)
    #expect(
      ([smoke.binary ?? answer.crate] + smoke.arguments).joined(separator: " ") == answer.command)
    let expected = try RegularExpression(try #require(smoke.expect))
    #expect(expected.finds(in: answer.output))
    #expect(!expected.finds(in: "error: unexpected argument"))
  }
}
