import Backend
import BuilderProtocol
import Database
import DatabaseTestSupport
import ExecutorKit
import FarmModel
import Foundation
import Postgres
import Recipes
import SimulatedBuilders
import Testing

@Suite("recipes that are edited while the farm runs", .timeLimit(.minutes(3)))
struct RecipeRevisionTests {
  private static let riscv = "riscv64gc-unknown-linux-gnu"

  /// A job's row, as far as an edit may change it.
  private struct Row: Equatable {
    var id: Int64
    var state: String
    var digest: String
    var isDropped: Bool
    var isOutdated: Bool
  }

  /// By `crate version target`.
  private static func rows(_ farm: BackendFarm) async throws -> [String: Row] {
    let rows = try await farm.database.pool.query(
      """
      SELECT c.name || ' ' || v.version || ' ' || j.target AS name, j.id, j.state, j.plan_digest,
             j.dropped, j.outdated
      FROM jobs j JOIN versions v ON v.id = j.version_id JOIN crates c ON c.id = v.crate_id
      WHERE j.verifies IS NULL
      """)
    let pairs = try rows.map { row in
      (
        try row.text("name"),
        Row(
          id: Int64(try row.int("id")), state: try row.text("state"),
          digest: try row.text("plan_digest"), isDropped: try row.bool("dropped"),
          isOutdated: try row.bool("outdated"))
      )
    }
    return Dictionary(uniqueKeysWithValues: pairs)
  }

  /// The two targets of the farm and what `files` add or replace.
  private static func set(_ files: [String: String] = [:]) throws -> RecipeSet {
    var all = files
    for triple in [BackendFarm.x86, BackendFarm.arm] where all["targets/\(triple).yaml"] == nil {
      all["targets/\(triple).yaml"] = TestFolder.target(triple)
    }
    return try RecipeSet(
      files: all.sorted { $0.key < $1.key }.map { SourceText(path: $0.key, text: $0.value) })
  }

  private static func foretell(
    _ farm: BackendFarm, _ set: RecipeSet, over old: RecipeSet?
  ) async throws -> [String: JobChange] {
    var changes: [String: JobChange] = [:]
    try await RecipeDifference(farm.database, applying: set, over: old).forEachChange { change in
      changes["\(change.version.crate) \(change.version.version) \(change.target)"] = change
    }
    return changes
  }

  /// Waits until a backend has made all jobs follow the revision.
  private static func untilPlanned(_ farm: BackendFarm, _ revision: Int64) async throws {
    try await until { try await farm.database.recipeStanding()?.planned == revision }
  }

  /// Asks until it is so, which a backend brings about.
  private static func until(_ isSo: () async throws -> Bool) async throws {
    while try await !isSo() { try await Task.sleep(for: .milliseconds(20)) }
  }

  @Test("an edit changes exactly the jobs that the plan foretold, and each as foretold")
  func edit() async throws {
    try await BackendFarm.with { farm in
      let first = try #require(try await farm.database.activeRecipes())
      try await Self.untilPlanned(farm, first.id)
      try await farm.report([
        BackendFarm.registry, try BackendFarm.version("alpha", "1.0.0"),
        try BackendFarm.version("alpha", "1.1.0"), try BackendFarm.version("beta", "1.0.0"),
        try BackendFarm.version("beta", "1.1.0"), try BackendFarm.version("gamma"),
        try BackendFarm.version("zeta"),
      ])
      try await ScriptedBuilder().work(farm) { session in
        // New versions come first, by name: alpha succeeds, beta fails, gamma is being built.
        let alpha = try await session.assigned()
        let bytes = BackendPublishTests.bytes
        _ = try await farm.upload(
          bytes, to: "\(alpha.uploadURL)/\(alpha.archive)", token: alpha.uploadToken)
        _ = try await session.finish(alpha, .succeeded, report: alpha.report(bytes))
        try await session.send(.ready(Ready(slots: 1)))
        let beta = try await session.assigned()
        _ = try await session.finish(beta, .failed(.compile, message: "error[E0308]"))
        try await session.send(.ready(Ready(slots: 1)))
        let gamma = try await session.assigned()
        #expect([alpha, beta, gamma].map(\.plan.inputs.crate) == ["alpha", "beta", "gamma"])

        let new = try Self.set([
          "targets/\(Self.riscv).yaml": TestFolder.target(Self.riscv) + "tier: 2\n",
          "recipes/alpha.yaml": "crate: alpha\nversions: [{ features: [extra] }]\n",
          "recipes/beta.yaml":
            "crate: beta\nversions: [{ features: [extra], targets: { aarch64-*: { skip: no arm } } }]\n",
          "recipes/gamma.yaml": "crate: gamma\nversions: [{ features: [extra] }]\n",
        ])
        let foretold = try await Self.foretell(farm, new, over: try first.recipeSet())
        let before = try await Self.rows(farm)
        try await check(foretold)
        let installed = try await farm.database.install(new, note: "test")
        #expect(installed.revision > first.id && installed.previous == first.id)
        try await Self.untilPlanned(farm, installed.revision)
        let after = try await Self.rows(farm)
        #expect(try Self.observe(before, after) == foretold.mapValues(\.kind))
        for (name, change) in foretold where change.kind != .drop && !change.isRunning {
          #expect(after[name]?.digest == change.plan?.digest, "\(name)")
        }
        #expect(
          try await Self.foretell(farm, new, over: nil).filter { !$0.value.isRunning }.isEmpty,
          "there is nothing left to do")

        // What was being built gets its plan when that has ended.
        let name = "gamma 1.0.0 \(BackendFarm.x86)"
        let wanted = try #require(foretold[name]?.plan?.digest)
        _ = try await session.finish(gamma, .failed(.compile, message: "error"))
        try await Self.until { try await Self.rows(farm)[name]?.digest == wanted }
        #expect(try await Self.rows(farm)[name]?.isOutdated == false)
      }
      let page = try await farm.get("/api/v1/crates/beta/1.1.0/\(BackendFarm.arm)")
      #expect(page.json("state") == "cancelled" && page.json("reason") == "no arm", "\(page.text)")
      let recipe = try await farm.get("/api/v1/recipes/alpha")
      #expect(recipe.json("recipe").contains("extra"), "\(recipe.text)")
    }
  }

  /// What the edit of ``edit()`` must do, by hand.
  private func check(_ foretold: [String: JobChange]) async throws {
    let (x86, arm) = (BackendFarm.x86, BackendFarm.arm)
    #expect(
      foretold.mapValues(\.kind) == [
        "alpha 1.1.0 \(x86)": .rebuild, "gamma 1.0.0 \(x86)": .rebuild,
        "beta 1.1.0 \(x86)": .retry, "alpha 1.1.0 \(arm)": .replan,
        "alpha 1.0.0 \(x86)": .replan, "alpha 1.0.0 \(arm)": .replan,
        "beta 1.0.0 \(x86)": .replan, "gamma 1.0.0 \(arm)": .replan,
        "beta 1.0.0 \(arm)": .drop, "beta 1.1.0 \(arm)": .drop,
        "alpha 1.1.0 \(Self.riscv)": .add, "beta 1.1.0 \(Self.riscv)": .add,
        "gamma 1.0.0 \(Self.riscv)": .add, "zeta 1.0.0 \(Self.riscv)": .add,
      ])
    #expect(foretold.filter { $0.value.isRunning }.map(\.key) == ["gamma 1.0.0 \(x86)"])
    #expect(foretold["alpha 1.1.0 \(x86)"]?.reason == "features: none → extra")
    #expect(foretold["alpha 1.1.0 \(x86)"]?.seconds != nil)
    #expect(foretold["beta 1.0.0 \(arm)"]?.reason == "no arm")
    #expect(foretold["zeta 1.0.0 \(Self.riscv)"]?.reason == "tier 2: the newest version")
  }

  /// What became of each job, told by nothing but its row before and after.
  private static func observe(
    _ before: [String: Row], _ after: [String: Row]
  ) throws -> [String: JobChange.Kind] {
    var changes: [String: JobChange.Kind] = [:]
    for (name, row) in after {
      guard let old = before[name] else {
        changes[name] = .add
        continue
      }
      switch (old.state, row.state) {
      case ("leased", "leased"): changes[name] = row.isOutdated ? .rebuild : nil
      case (_, "cancelled"): changes[name] = row.isDropped && !old.isDropped ? .drop : nil
      case _ where row.digest == old.digest: break
      case ("pending", "pending"): changes[name] = .replan
      case ("succeeded", "pending"): changes[name] = .rebuild
      case ("failed", "pending"): changes[name] = .retry
      default: Issue.record("\(name) went from \(old.state) to \(row.state)")
      }
    }
    #expect(Set(before.keys).isSubset(of: after.keys), "no job vanishes")
    return changes
  }

  @Test("what is skipped comes back when it is wanted again, and what is asked for at once")
  func backAgain() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      let x86 = "tool 1.0.0 \(BackendFarm.x86)"
      let skipped = try await farm.database.install(
        try Self.set(["recipes/tool.yaml": "crate: tool\nversions: [{ skip: not now }]\n"]),
        note: "")
      try await Self.untilPlanned(farm, skipped.revision)
      #expect(try await Self.rows(farm)[x86]?.isDropped == true)
      // An operator's cancellation is not for recipes to undo.
      let arm = try #require(try await Self.rows(farm)["tool 1.0.0 \(BackendFarm.arm)"])
      _ = try await farm.database.retry(job: arm.id)
      _ = try await farm.database.cancel(job: arm.id)
      let back = try await farm.database.install(try Self.set(), note: "")
      try await Self.untilPlanned(farm, back.revision)
      let rows = try await Self.rows(farm)
      #expect(rows[x86]?.state == "pending")
      #expect(rows["tool 1.0.0 \(BackendFarm.arm)"]?.state == "cancelled")

      let onRequest = TestFolder.target(BackendFarm.x86) + "tier: 3\n"
      let rare = try await farm.database.install(
        try Self.set(["targets/\(BackendFarm.x86).yaml": onRequest]), note: "")
      try await Self.untilPlanned(farm, rare.revision)
      #expect(try await Self.rows(farm)[x86]?.isDropped == true)
      let asked = try await farm.send("POST", "/api/v1/crates/tool/1.0.0/\(BackendFarm.x86)")
      #expect(asked.status == 202, "\(asked.text)")
      #expect(asked.json("state") == "pending" && asked.json("class") == "request")
      #expect(try await Self.foretell(farm, try Self.set(), over: nil).isEmpty)
    }
  }

  @Test("limits and checks rebuild nothing, and give what failed for them another try")
  func limits() async throws {
    try await BackendFarm.with { farm in
      let first = try #require(try await farm.database.activeRecipes())
      try await Self.untilPlanned(farm, first.id)
      try await farm.report([
        BackendFarm.registry, try BackendFarm.version("slow"), try BackendFarm.version("waits"),
      ])
      try await ScriptedBuilder().work(farm) { session in
        let slow = try await session.assigned()
        #expect(slow.plan.inputs.crate == "slow")
        _ = try await session.finish(slow, .failed(.diskFull, message: "no space left"))
      }
      let smoke = try Self.set(["recipes/slow.yaml": "crate: slow\nversions: [{ smoke: [{}] }]\n"])
      #expect(
        try await Self.foretell(farm, smoke, over: try first.recipeSet()).mapValues(\.kind)
          == ["slow 1.0.0 \(BackendFarm.arm)": .replan], "a smoke test is not what it failed for")
      let larger = try Self.set([
        "recipes/_default.yaml": "limits: { log: 1MiB }\n",
        "recipes/slow.yaml": "crate: slow\nversions: [{ limits: { disk: 20GiB } }]\n",
      ])
      let foretold = try await Self.foretell(farm, larger, over: try first.recipeSet())
      #expect(
        foretold.mapValues(\.kind) == [
          "slow 1.0.0 \(BackendFarm.x86)": .retry, "slow 1.0.0 \(BackendFarm.arm)": .replan,
          "waits 1.0.0 \(BackendFarm.x86)": .replan, "waits 1.0.0 \(BackendFarm.arm)": .replan,
        ])
      #expect(foretold.values.allSatisfy { $0.reason == "limits" })
      let installed = try await farm.database.install(larger, note: "")
      try await Self.untilPlanned(farm, installed.revision)
      let rows = try await Self.rows(farm)
      #expect(rows.values.allSatisfy { $0.state == "pending" })
      let plans = try await farm.database.plans(ofJobs: rows.values.map(\.id))
      #expect(plans.values.allSatisfy { $0.limits.log == 1 << 20 })
      #expect(try await Self.foretell(farm, larger, over: nil).isEmpty)
    }
  }

  @Test("what somebody has asked for comes back after a skip, on whatever tier it is")
  func askedFor() async throws {
    try await BackendFarm.with { farm in
      let rare = TestFolder.target(BackendFarm.x86) + "tier: 3\n"
      func install(_ files: [String: String]) async throws {
        let set = try Self.set(
          files.merging(["targets/\(BackendFarm.x86).yaml": rare]) { $1 })
        try await Self.untilPlanned(farm, try await farm.database.install(set, note: "").revision)
      }
      try await install([:])
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      let asked = try await farm.send("POST", "/api/v1/crates/tool/1.0.0/\(BackendFarm.x86)")
      #expect(asked.json("class") == "request", "\(asked.text)")
      try await install(["recipes/tool.yaml": "crate: tool\nversions: [{ skip: not now }]\n"])
      let name = "tool 1.0.0 \(BackendFarm.x86)"
      #expect(try await Self.rows(farm)[name]?.isDropped == true)
      try await install([:])
      #expect(try await Self.rows(farm)[name]?.state == "pending")
    }
  }

  @Test(
    "what somebody has asked for stays wanted when it has failed and an edit has tried it again")
  func askedForAndFailed() async throws {
    try await BackendFarm.with { farm in
      let rare = TestFolder.target(BackendFarm.x86) + "tier: 3\n"
      func install(_ level: Int) async throws {
        let set = try Self.set([
          "targets/\(BackendFarm.x86).yaml": rare,
          "recipes/tool.yaml":
            "crate: tool\nversions: [{ environment: { LEVEL: \"\(level)\" } }]\n",
        ])
        try await Self.untilPlanned(farm, try await farm.database.install(set, note: "").revision)
      }
      try await install(1)
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      _ = try await farm.send("POST", "/api/v1/crates/tool/1.0.0/\(BackendFarm.x86)")
      let name = "tool 1.0.0 \(BackendFarm.x86)"
      for level in 2...3 {
        try await ScriptedBuilder().work(farm) { session in
          let job = try await session.assigned()
          _ = try await session.finish(job, .failed(.compile, message: "error"))
        }
        #expect(try await Self.rows(farm)[name]?.state == "failed")
        try await install(level)
        #expect(try await Self.rows(farm)[name]?.state == "pending", "level \(level)")
        try await install(level + 10)
        #expect(try await Self.rows(farm)[name]?.state == "pending", "level \(level + 10)")
      }
    }
  }

  @Test("a target's tier that asks for less drops what waits for it and retries nothing of it")
  func lowerTier() async throws {
    try await BackendFarm.with { farm in
      let first = try #require(try await farm.database.activeRecipes())
      try await Self.untilPlanned(farm, first.id)
      try await farm.report([
        BackendFarm.registry, try BackendFarm.version("alpha", "1.0.0"),
        try BackendFarm.version("beta", "1.0.0"),
      ])
      try await ScriptedBuilder().work(farm) { session in
        let alpha = try await session.assigned()
        #expect(alpha.plan.inputs.crate == "alpha")
        _ = try await session.finish(alpha, .failed(.compile, message: "error"))
      }
      try await farm.report([
        BackendFarm.registry, try BackendFarm.version("alpha", "1.1.0"),
        try BackendFarm.version("beta", "1.1.0"),
      ])
      func foretell(_ tier: Int) async throws -> [String: JobChange.Kind] {
        let target = TestFolder.target(BackendFarm.x86) + "tier: \(tier)\n"
        let set = try Self.set([
          "targets/\(BackendFarm.x86).yaml": target,
          "recipes/_default.yaml": "environment: { LEVEL: \"2\" }\n",
        ])
        return try await Self.foretell(farm, set, over: try first.recipeSet()).mapValues(\.kind)
          .filter { $0.key.hasSuffix(BackendFarm.x86) }
      }
      let x86 = BackendFarm.x86
      #expect(
        try await foretell(2) == [
          "beta 1.0.0 \(x86)": .drop, "alpha 1.1.0 \(x86)": .replan, "beta 1.1.0 \(x86)": .replan,
        ])
      #expect(
        try await foretell(3) == [
          "beta 1.0.0 \(x86)": .drop, "alpha 1.1.0 \(x86)": .drop, "beta 1.1.0 \(x86)": .drop,
        ])
    }
  }

  @Test("a job of what is no longer in force is not made")
  func fence() async throws {
    try await BackendFarm.with { farm in
      let old = try #require(try await farm.database.activeRecipes())
      _ = try await farm.database.ingest([BackendFarm.registry, try BackendFarm.version("tool")])
      let crate = try #require(try await farm.database.crate(named: "tool"))
      let version = try #require(try await farm.database.versions(ofCrate: crate.id).first)
      let set = try Self.set()
      let facts = VersionFacts(
        crate: try #require(CrateName("tool")), version: try #require(Semver(version.version)),
        checksum: version.checksum)
      let target = try #require(TargetTriple(BackendFarm.x86))
      let plan = try #require(set.plan(for: facts, target: target).plan)
      let wanted = WantedJob(
        versionID: version.id, target: BackendFarm.x86, jobClass: .new, group: "tool", plan: plan,
        planDigest: plan.digest)
      let edited = try Self.set(["recipes/_default.yaml": "features: [a]\n"])
      let installed = try await farm.database.install(
        edited, note: "", expecting: .revision(old.id))
      await #expect(throws: RecipesChanged.self) {
        _ = try await farm.database.want([wanted], revision: old.id)
      }
      await #expect(throws: RecipesChanged(active: installed.revision)) {
        _ = try await farm.database.install(set, note: "", expecting: .revision(old.id))
      }
      // The sync's own way: the backend takes up the new revision before it makes the job.
      try await farm.report([BackendFarm.registry, try BackendFarm.version("late")])
      let digests = try await farm.database.pool.query(
        """
        SELECT count(*) AS jobs FROM jobs
        WHERE plan #> '{inputs,features}' = '["a"]' AND plan #>> '{inputs,crate}' = 'late'
        """)
      #expect(try digests[0].int("jobs") == 2)
    }
  }

  @Test("a backend goes by what is in force, not by its directory, and ends what another has begun")
  func otherBackend() async throws {
    try await TestDatabase.with(migrations: TestDatabase.projectMigrations) { test in
      let pool = PostgresPool(test.address, maximumConnections: 2)
      let database = FarmDatabase(pool: pool)
      let set = try Self.set(["recipes/tool.yaml": "crate: tool\nversions: [{ features: [a] }]\n"])
      let installed = try await database.install(set, note: "from elsewhere", expecting: .nothing)
      _ = try await database.ingest([BackendFarm.registry, try BackendFarm.version("tool")])
      let crate = try #require(try await database.crate(named: "tool"))
      let version = try #require(try await database.versions(ofCrate: crate.id).first)
      _ = try await database.ingest([BackendFarm.registry, try BackendFarm.version("other")])
      // The other backend had come as far as the first version when it died.
      try await database.recipesPlanned(installed.revision, through: version.id)
      try await pool.query("DELETE FROM versions_to_plan")
      await pool.close()
      try await BackendFarm.with(address: test.address) { farm in
        try await Self.untilPlanned(farm, installed.revision)
        #expect(
          try await Self.rows(farm).keys.sorted() == [
            "other 1.0.0 \(BackendFarm.arm)", "other 1.0.0 \(BackendFarm.x86)",
          ])
        let recipe = try await farm.get("/api/v1/recipes/tool")
        #expect(recipe.json("revision_number") == "\(installed.revision)", "\(recipe.text)")
        #expect(recipe.json("recipe").contains("features"))
      }
    }
  }

  @Test("an edit of watched directories is in force at once; a broken one changes nothing")
  func watching() async throws {
    let log = LogBook()
    try await BackendFarm.with(logger: log.logger) { configuration in
      configuration.watchesRecipes = true
    } _: { farm in
      let first = try #require(try await farm.database.activeRecipes())
      func write(_ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(farm.directory)/recipes/tool.yaml"))
      }
      try write("crate: tool\nversions: [{ features: [a] }]\n")
      try await Self.until {
        try await farm.get("/api/v1/recipes/tool").json("recipe").contains("features: [a]")
      }
      let second = try #require(try await farm.database.recipeStanding())
      #expect(second.active > first.id)
      try write("crate: tool\nversionz: []\n")
      try await Self.until { log.contains("recipes/tool.yaml:2:1: unknown key “versionz”") }
      #expect(log.contains("revision \(second.active) stays in force"))
      try write("crate: tool\nversions: [{ features: [b] }]\n")
      try await Self.until {
        try await farm.get("/api/v1/recipes/tool").json("recipe").contains("features: [b]")
      }
      let texts = try await farm.database.pool.query(
        "SELECT files::text AS files FROM recipe_revisions ORDER BY id")
      #expect(try texts.map { try $0.text("files").contains("versionz") } == [false, false, false])
    }
  }

  @Test("an author's word counts, and an opt-out is answered with its reason")
  func authors() async throws {
    try await BackendFarm.with { farm in
      func version(_ crate: String, _ metadata: AuthorMetadata) throws -> RegistryRecord {
        guard case .version(var version) = try BackendFarm.version(crate) else {
          throw SimulationError.unexpected
        }
        version.contents?.metadata = metadata
        return .version(version)
      }
      try await farm.report([
        BackendFarm.registry,
        try version(
          "steered", AuthorMetadata(features: ["fast"], targets: ["x86_64-*"], warnings: ["w"])),
        try version("out", AuthorMetadata(optOut: "the author wants none")),
      ])
      #expect(try await Self.rows(farm).keys.sorted() == ["steered 1.0.0 \(BackendFarm.x86)"])
      let plan = try await farm.database.plans(
        ofJobs: try await Self.rows(farm).values.map(\.id)
      ).values.first
      #expect(plan?.inputs.features == ["fast"])
      let page = try await farm.get("/api/v1/crates/steered/1.0.0")
      #expect(page.json("contents", "metadata", "warnings", "0") == "w", "\(page.text)")
      for path in ["out/1.0.0/\(BackendFarm.x86)", "steered/1.0.0/\(BackendFarm.arm)"] {
        let answer = try await farm.get("/api/v1/crates/\(path)")
        #expect(answer.json("state") == "skipped", "\(answer.text)")
        #expect(answer.json("reason").contains("author wants"), "\(answer.text)")
        #expect(try await farm.send("POST", "/api/v1/crates/\(path)").status == 409)
      }
      // No recipe overrules an author who wants no builds.
      let forced = try Self.set(["recipes/out.yaml": "crate: out\nversions: [{ skip: false }]\n"])
      #expect(try await Self.foretell(farm, forced, over: nil).isEmpty)
    }
  }
}
