import ExecutorKit
import FarmModel
import Foundation
import Recipes
import Testing

/// A changed digest rebuilds every job that has it, on all farms. When a test here fails, either undo
/// what changed the inputs, or raise `BuildInputs.currentSchema` on purpose and pin the new digests.
@Suite("Plan digests")
struct PlanDigestTests {
  static let files = [
    SourceText(
      path: "targets/aarch64-unknown-linux-gnu.yaml",
      text: """
        triple: aarch64-unknown-linux-gnu
        executor: docker-cross
        docker-cross:
          containerfile: docker-cross/Containerfile
          arguments: { gcc: gcc-aarch64-linux-gnu, debian: arm64 }
        rust: ">=1.85"
        glibc: "2.36"
        runner: [qemu-aarch64-static, -L, /usr/aarch64-linux-gnu]
        policy: { needed: [libc.so.6] }
        limits: { memory: 4GiB, time: 15m, log: 10MiB, disk: 10GiB }
        """),
    SourceText(
      path: "targets/x86_64-unknown-linux-gnu.yaml",
      text: """
        triple: x86_64-unknown-linux-gnu
        executor: docker-cross
        docker-cross: { containerfile: docker-cross/Containerfile, threads: 2, verbose: true }
        linker: zig
        glibc: "2.17"
        """),
    SourceText(
      path: "targets/x86_64-unknown-linux-musl.yaml",
      text: "triple: x86_64-unknown-linux-musl\nexecutor: musl-static\nrust: \"1.90\"\n"),
    SourceText(
      path: "recipes/ripgrep.yaml",
      text: """
        crate: ripgrep
        versions:
          - when: ">=13"
            features: [pcre2]
            packages: { debian: [libpcre2-dev, libjemalloc-dev] }
            environment: { PCRE2_SYS_STATIC: "1", QUOTED: "a \\"b\\" é /" }
            smoke: [{ arguments: [--version], expect: "^ripgrep " }]
            targets: { "*-linux-musl": { features: [] } }
          - when: "<13"
            default-features: false
            binaries: [rg]
        """),
  ]

  private func plan(_ crate: String, _ version: String, _ target: String) throws -> Plan {
    let set = try RecipeSet(files: Self.files)
    let facts = try #require(
      VersionFacts.make(crate, version, publishedAt: crate == "late" ? 1_700_000_000 : nil))
    let triple = try #require(TargetTriple(target))
    return try #require(set.plan(for: facts, target: triple).plan)
  }

  @Test("are what they have always been", arguments: PinnedDigest.all)
  func pinned(_ pin: PinnedDigest) throws {
    let plan = try plan(pin.crate, pin.version, pin.target)
    #expect(plan.digest == pin.digest, "\(pin.crate) \(pin.version) \(pin.target)")
    #expect(planDigest(plan.inputs) == pin.digest)
  }

  @Test("are all different")
  func different() {
    #expect(PinnedDigest.all.count == 24)
    #expect(Set(PinnedDigest.all.map(\.digest)).count == 24)
  }

  @Test("are over canonical JSON with the schema's version")
  func canonical() throws {
    let inputs = try plan("fd-find", "8.6.0", "x86_64-unknown-linux-musl").inputs
    let json = """
      {"binaries":[],"checksum":"\(String(repeating: "ab", count: 32))","configuration":{},\
      "crate":"fd-find","environment":{},"executor":"musl-static","features":[],"linker":"gcc",\
      "packages":{},"rust":"1.90","schema":1,"sourceDateEpoch":1577836800,\
      "target":"x86_64-unknown-linux-musl","usesDefaultFeatures":true,"version":"8.6.0"}
      """
    #expect(try CanonicalJSON.text(inputs) == json)
  }

  @Test("change with every input, and with nothing else")
  func sensitivity() throws {
    let plan = try plan("ripgrep", "13.0.0", "aarch64-unknown-linux-gnu")
    var other = plan
    other.limits = Limits(memory: 1, timeSeconds: 1, log: 1, disk: 1, processes: 1, cores: 1)
    other.checks = BuildChecks(runner: ["x"], needed: ["y"], smoke: [SmokeTest(arguments: [])])
    #expect(other.digest == plan.digest)
    let changes: [(inout BuildInputs) -> Void] = [
      { $0.schema += 1 }, { $0.crate += "x" }, { $0.version += "+x" }, { $0.checksum += "x" },
      { $0.target += "x" }, { $0.executor += "x" }, { $0.configuration = .map([:]) },
      { $0.rust += "x" }, { $0.linker += "x" }, { $0.glibc = nil }, { $0.features += ["x"] },
      { $0.usesDefaultFeatures.toggle() }, { $0.binaries += ["x"] }, { $0.packages["x"] = [] },
      { $0.environment["X"] = "" }, { $0.lockfile = "x" }, { $0.sourceDateEpoch += 1 },
    ]
    var digests: Set<String> = [plan.digest]
    for change in changes {
      var inputs = plan.inputs
      change(&inputs)
      digests.insert(planDigest(inputs))
    }
    #expect(digests.count == changes.count + 1)
  }

  @Test("survive a plan's way through JSON, as the database keeps it")
  func roundTrip() throws {
    for pin in PinnedDigest.all {
      let plan = try plan(pin.crate, pin.version, pin.target)
      let copy = try JSONDecoder().decode(Plan.self, from: CanonicalJSON.encode(plan))
      #expect(copy == plan)
      #expect(copy.digest == pin.digest)
    }
  }

  @Test("exist for numbers that JSON has no word for")
  func infinity() throws {
    var inputs = try plan("ripgrep", "13.0.0", "aarch64-unknown-linux-gnu").inputs
    inputs.configuration = .list([.number(.infinity)])
    let infinite = planDigest(inputs)
    inputs.configuration = .list([.text("inf")])
    #expect(infinite == planDigest(inputs))
  }
}
