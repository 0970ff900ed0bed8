import Foundation
import LocalFarm
import Postgres
import SyntheticIndex
import TestSupport
import Testing
import Transfer

/// What a registry sync has told a backend is the same whether or not it was killed on the way.
@Suite("A registry sync is killed", .serialized, .timeLimit(.minutes(5)))
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
        let found = try await Self.dump(disturbed)
        #expect(found.map(\.count) == expected.map(\.count))
        for (rows, wanted) in zip(found, expected) {
          let differing = Set(rows).symmetricDifference(wanted)
          #expect(differing.isEmpty, "\(differing.sorted().prefix(4))")
        }
        #expect(expected[2].count == Self.programs, "one job each")
      }
    }
  }

  /// A git index with the test's programs and many crates that have no `.crate`; its URL.
  private static func index(of test: TestFarm) async throws -> String {
    let synthetic = SyntheticIndex(seed: 7, crates: 300, versions: 9000)
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
