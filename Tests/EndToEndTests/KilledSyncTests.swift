import Foundation
import LocalFarm
import Postgres
import SyntheticIndex
import TestSupport
import Testing
import Transfer

/// What a registry sync has told a backend is the same whether or not it was killed on the way.
@Suite("A registry sync, or its backend, is killed", .serialized, .timeLimit(.minutes(5)))
struct KilledSyncTests {
  private static let kills = 10
  private static let programs = 8

  @Test("at moments by chance, and ends in the same database as one that ran through")
  func killed() async throws {
    let targets = [KillTests.triple: TestFarm.fakeTarget()]
    let modules = ["libFakeExecutor.so"]
    try await TestFarm.with(targets: targets, modules: modules) { undisturbed in
      for number in 0..<Self.programs {
        try undisturbed.registry.publishSimple("program-\(number)")
      }
      let api = try await undisturbed.start()
      let index = try await Self.index(of: undisturbed)
      let begin = ContinuousClock.now
      try await Self.finish(undisturbed, index, api.origin)
      let whole = begin.duration(to: .now)
      let expected = try await Self.dump(undisturbed)

      try await TestFarm.with(targets: targets, modules: modules) { disturbed in
        let origin = try await disturbed.farm.startBackend()
        var random = SystemRandomNumberGenerator()
        for kill in 1...Self.kills {
          let sync = try Self.sync(disturbed, index, origin, name: "sync-\(kill)")
          // The moment is the point of the test: nothing is waited for.
          try await Task.sleep(for: whole * Double.random(in: 0..<0.5, using: &random))
          await sync.send(SIGKILL)
          _ = await sync.ending()
        }
        try await Self.finish(disturbed, index, origin)
        Self.compare(try await Self.dump(disturbed), expected)
      }
    }
  }

  @Test(
    "at moments at which the backend keeps what it says, and goes on with the one that comes after it"
  )
  func killedBackend() async throws {
    let targets = [KillTests.triple: TestFarm.fakeTarget()]
    let modules = ["libFakeExecutor.so"]
    try await TestFarm.with(targets: targets, modules: modules) { undisturbed in
      for number in 0..<Self.programs {
        try undisturbed.registry.publishSimple("program-\(number)")
      }
      let api = try await undisturbed.start()
      // Three bodies.
      let index = try await Self.index(of: undisturbed, versions: 40_000)
      try await Self.finish(undisturbed, index, api.origin)
      let expected = try await Self.dump(undisturbed)

      try await TestFarm.with(targets: targets, modules: modules) { disturbed in
        let origin = try await disturbed.farm.startBackend()
        var sync = try Self.sync(disturbed, index, origin, name: "sync-0")
        let database = try await PostgresConnection(connecting: disturbed.farm.database)
        var kills = 0
        for round in 1...5 {
          guard try await Self.untilKept(database, sync) else { break }
          let backend = try #require(await disturbed.farm.processes.first { $0.name == "backend" })
          await backend.send(SIGKILL)
          _ = await backend.ending()
          await disturbed.farm.forget(backend)
          kills += 1
          let next = try await disturbed.farm.startBackend(
            listen: String(origin.dropFirst("http://".count)))
          #expect(next == origin)
          // It gives up after some attempts.
          if await !sync.isRunning {
            sync = try Self.sync(disturbed, index, origin, name: "sync-\(round)")
          }
        }
        #expect(kills >= 3)
        _ = await sync.ending()
        try await Self.finish(disturbed, index, origin)
        let fence = try await database.query("SELECT fence FROM registry_lease")[0].int("fence")
        #expect(fence > 2, "what got no answer is sent again under a newer fence")
        await database.close()
        Self.compare(try await Self.dump(disturbed), expected)
      }
    }
  }

  /// Waits until a body of the sync is being kept; false: the sync ends before.
  private static func untilKept(
    _ database: PostgresConnection, _ sync: ChildProcess
  ) async throws -> Bool {
    while await sync.isRunning {
      let keeping = try await database.query(
        """
        SELECT count(*) AS n FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()
          AND a.state = 'active' AND a.query ~ 'staged_'
        """)
      if try keeping[0].int("n") > 0 { return true }
    }
    return false
  }

  private static func compare(_ found: [[Substring]], _ expected: [[Substring]]) {
    #expect(found.map(\.count) == expected.map(\.count))
    for (rows, wanted) in zip(found, expected) {
      let differing = Set(rows).symmetricDifference(wanted)
      #expect(differing.isEmpty, "\(differing.sorted().prefix(4))")
    }
    #expect(expected[2].count == programs, "one job each")
  }

  /// A git index with the test's programs and many crates that have no `.crate`; its URL.
  private static func index(of test: TestFarm, versions: Int = 9000) async throws -> String {
    let synthetic = SyntheticIndex(seed: 7, crates: 300, versions: versions)
    let client = TransferClient()
    defer { client.shutdown() }
    let registry = try #require(await test.farm.registryAddress)
    let configuration = try await client.perform(TransferRequest(url: registry + "config.json"))
    var files: [String: String?] = [
      "config.json": String(decoding: configuration.body, as: UTF8.self)
    ]
    for crate in 0..<synthetic.crates {
      files[synthetic.path(of: crate)] = String(
        decoding: synthetic.file(of: crate), as: UTF8.self)
    }
    for number in 0..<programs {
      files["pr/og/program-\(number)"] = try String(
        contentsOfFile: test.registry.indexPath("program-\(number)"), encoding: .utf8)
    }
    let repository = "\(test.directory)/index.git"
    try await GitRepository.make(at: repository, files: files)
    return "git+file://\(repository)"
  }

  /// Syncs to the end: a sync ends early where a hundred `.crate` files in succession are not there.
  private static func finish(_ test: TestFarm, _ index: String, _ backend: String) async throws {
    for _ in 0..<6 {
      let sync = try Self.sync(test, index, backend)
      if await sync.ending() == 0 { return }
      #expect(sync.lastLines().contains("status 404"), "\(sync.lastLines())")
    }
    Issue.record("the sync does not come to an end")
  }

  private static func sync(
    _ test: TestFarm, _ index: String, _ backend: String, name: String = "sync"
  ) throws -> ChildProcess {
    let state = test.farm.layout.stateDirectory
    return try ChildProcess(
      name,
      [
        TestPrograms.program("buildsrs"), "registry-sync", "--once", "--registry-url", index,
        "--backend-url", backend, "--registry-token-file", "\(state)/registry.token",
        "--state-directory", state,
      ], directory: "\(state)/logs")
  }

  /// What the farm knows, without the numbers of rows and times, as soon as nothing is left to be done.
  private static func dump(_ test: TestFarm) async throws -> [[Substring]] {
    _ = try await test.wait(for: "the planner") {
      let left = try await query(
        test, "SELECT 1 FROM versions_to_plan UNION ALL SELECT 1 FROM looks WHERE failures = 0")
      return left.isEmpty ? left : nil
    }
    var dumps: [[Substring]] = []
    for sql in [
      """
      SELECT name, normalized_name, description, repository, license, downloads, popularity_band
      FROM crates ORDER BY name
      """,
      """
      SELECT c.name, v.version, v.checksum, v.yanked, v.rust_version, v.published_at, v.has_binaries,
        v.deleted_at IS NULL, v.latest_key, k.contents
      FROM versions v JOIN crates c ON c.id = v.crate_id LEFT JOIN contents k USING (checksum)
      ORDER BY c.name, v.version
      """,
      """
      SELECT c.name, v.version, j.target, j.state, j.class
      FROM jobs j JOIN versions v ON v.id = j.version_id JOIN crates c ON c.id = v.crate_id
      ORDER BY c.name, v.version, j.target
      """,
      """
      SELECT c.name, v.version, l.kind, l.failure
      FROM looks l JOIN versions v ON v.id = l.version_id JOIN crates c ON c.id = v.crate_id
      ORDER BY c.name, v.version
      """,
    ] {
      dumps.append(try await query(test, sql))
    }
    return dumps
  }

  private static func query(_ test: TestFarm, _ sql: String) async throws -> [Substring] {
    let psql = try ChildProcess(
      "psql",
      [
        "/usr/bin/psql", test.farm.database.connectionString, "--no-psqlrc", "--quiet",
        "--tuples-only", "--no-align", "--command", sql,
      ], directory: "\(test.directory)/logs")
    let status = await psql.ending()
    #expect(status == 0, "\(psql.lastLines())")
    return try String(contentsOfFile: psql.outputFile, encoding: .utf8).split(separator: "\n")
  }
}
