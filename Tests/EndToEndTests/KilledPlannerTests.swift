import Database
import FarmModel
import Foundation
import LocalFarm
import Postgres
import Testing

/// An edit of the recipes changes all its jobs, whoever dies over it.
@Suite("A backend is killed while it plans", .serialized, .timeLimit(.minutes(3)))
struct KilledPlannerTests {
  private static let versions = 6000

  @Test("another backend goes on where it was, and all jobs follow the recipes")
  func killed() async throws {
    try await TestFarm.with(
      targets: [KillTests.triple: TestFarm.fakeTarget()], modules: ["libFakeExecutor.so"]
    ) { test in
      try await test.farm.startBackend()
      let pool = PostgresPool(test.farm.database, maximumConnections: 2)
      do {
        try await edit(test, FarmDatabase(pool: pool), pool)
        await pool.close()
      } catch {
        await pool.close()
        throw error
      }
    }
  }

  private func edit(_ test: TestFarm, _ database: FarmDatabase, _ pool: PostgresPool) async throws {
    try await report(to: database)
    _ = try await test.wait(for: "the first plans") {
      try await count(pool, "SELECT count(*) AS n FROM jobs") == Self.versions ? true : nil
    }
    let recipe = URL(filePath: "\(test.directory)/recipes/_default.yaml")
    let before = try String(contentsOf: recipe, encoding: .utf8)
    try Data((before + "environment: { LEVEL: \"2\" }\n").utf8).write(to: recipe)
    try await test.farm.applyRecipes()
    let first = try #require(await test.farm.processes.first { $0.name == "backend" })
    _ = try await test.wait(for: "the middle of the plans") {
      let standing = try await database.recipeStanding()
      return (standing?.plannedThrough ?? 0) > 0 ? standing : nil
    }
    await first.send(SIGKILL)
    _ = await first.ending()
    await test.farm.forget(first)
    let standing = try #require(try await database.recipeStanding())
    #expect(!standing.isPlanned, "it was killed in the middle")
    let changed = "SELECT count(*) AS n FROM jobs WHERE plan #>> '{inputs,environment,LEVEL}' = '2'"
    let part = try await count(pool, changed)
    #expect(part > 0 && part < Self.versions)

    try await test.farm.startBackend()
    _ = try await test.wait(for: "the other backend") {
      try await database.recipeStanding()?.isPlanned == true ? true : nil
    }
    #expect(try await count(pool, changed) == Self.versions)
    #expect(try await count(pool, "SELECT count(*) AS n FROM jobs") == Self.versions)
  }

  private func report(to database: FarmDatabase) async throws {
    var records: [RegistryRecord] = [
      .registry(
        RegistryDescription(
          indexURL: "sparse+http://127.0.0.1/index/", downloadTemplate: "http://127.0.0.1/{crate}"))
    ]
    for number in 0..<Self.versions {
      records.append(
        .version(
          RegistryVersion(
            crate: try #require(CrateName("crate-\(number)")),
            version: try #require(Semver("1.0.0")),
            checksum: String(repeating: "a", count: 64), yanked: false,
            contents: CrateContents(binaries: [.init(name: "tool")], hasLockfile: true))))
    }
    _ = try await database.ingest(records)
  }

  private func count(_ pool: PostgresPool, _ sql: String) async throws -> Int {
    try await pool.query(sql).first?.int("n") ?? 0
  }
}
