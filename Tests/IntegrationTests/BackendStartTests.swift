import ArtifactStorage
import Backend
import BuilderProtocol
import Database
import DatabaseTestSupport
import ExecutorKit
import FarmModel
import Foundation
import Postgres
import Recipes
import Signing
import SimulatedBuilders
import Testing
import Transfer
import WebSockets

@Suite("starting a backend", .timeLimit(.minutes(2)))
struct BackendStartTests {
  /// Runs a backend that is expected to refuse; answers why.
  private func refusal(
    migrations: String? = TestDatabase.projectMigrations, registersKey: Bool = true,
    marks: Bool = true, port: Int = 0,
    _ prepare: @escaping @Sendable (TestFolder) throws -> Void = { _ in }
  ) async throws -> any Error {
    let folder = try TestFolder()
    defer { folder.remove() }
    try folder.writeTargets([BackendFarm.x86])
    try prepare(folder)
    return try await TestDatabase.with(migrations: migrations) { test in
      let key = SigningKey.generate()
      let storage = FileStore(root: folder.path + "/storage")
      if marks { try await storage.writeMarker(FarmMarker(farm: "test")) }
      if registersKey, migrations != nil {
        let pool = PostgresPool(test.address, maximumConnections: 1)
        try await FarmDatabase(pool: pool).registerSigningKey(
          id: key.publicKey.keyID, publicKey: key.publicKey.base64)
        await pool.close()
      }
      let configuration = BackendConfiguration(
        database: test.address, storage: storage, signingKey: key,
        recipesDirectory: folder.path + "/recipes", targetsDirectory: folder.path + "/targets",
        migrationsDirectory: TestDatabase.projectMigrations, port: port)
      do {
        try await BackendFarm.run(configuration) { _, _ in Issue.record("it serves") }
      } catch {
        return error
      }
      return SimulationError.unexpected
    }
  }

  @Test("a database that is not migrated is refused with the remedy")
  func notMigrated() async throws {
    let error = try await refusal(migrations: nil)
    #expect("\(error)".hasPrefix("the database lacks 0001_farm.sql"), "\(error)")
    #expect("\(error)".hasSuffix("run buildsrs migrate"))
  }

  @Test("a key that the database does not know is refused")
  func unknownKey() async throws {
    let error = try await refusal(registersKey: false)
    #expect("\(error)".contains("is not registered in the database"), "\(error)")
  }

  @Test("a storage without the farm's marker is refused")
  func noMarker() async throws {
    let error = try await refusal(marks: false)
    #expect(error as? BackendStartError == .noMarker)
  }

  @Test("an address that is another's is named with the remedy")
  func portInUse() async throws {
    try await BackendFarm.with { farm in
      let port = try #require(farm.url.split(separator: ":").last.flatMap { Int($0) })
      let error = try await refusal(port: port)
      #expect("\(error)".hasPrefix("cannot listen on 127.0.0.1:\(port)"), "\(error)")
      #expect("\(error)".hasSuffix("name another one with --listen"))
    }
  }

  @Test("broken recipes are refused with every mistake and its place")
  func brokenRecipes() async throws {
    let error = try await refusal { folder in
      try folder.write("recipes/tool.yaml", "crate: tool\nversionz: []\n")
      try folder.write("recipes/other.yaml", "crate: other\nversions: 3\n")
    }
    let errors = try #require(error as? RecipeErrors)
    #expect(errors.diagnostics.count == 2)
    #expect("\(errors)".contains("recipes/tool.yaml:2:1"), "\(errors)")
  }
}

@Suite("a database that goes away", .timeLimit(.minutes(3)))
struct BackendDatabaseAwayTests {
  @Test("requests get 503, builders are sent away, nothing expires, and all goes on afterwards")
  func away() async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/buildsrs-away-\(UUID())"
    let cluster = EmbeddedCluster(directory: folder, durable: false)
    try await cluster.removeWhenThisProcessEnds()
    try await cluster.start()
    let address = try await cluster.address
    try await Migrator(directory: TestDatabase.projectMigrations).migrate(address)
    try await BackendFarm.with(leaseSeconds: 3, address: address) { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      let builder = ScriptedBuilder()
      let job = try await builder.work(farm) { session in
        let job = try await session.assigned()
        try await cluster.stop()
        let answer = try await farm.get("/api/v1/crates")
        #expect(answer.status == 503)
        #expect(answer.headers["Retry-After"] == "5")
        #expect(answer.json("type") == "urn:builds.rs:problem:unavailable")
        #expect(try await farm.get("/readyz").status == 503)
        #expect(try await farm.get("/healthz").status == 200)
        try await session.send(.heartbeat(Heartbeat(attempts: [job.reference])))
        #expect(try await session.closing()?.code == .tryAgainLater)
        return job
      }
      // Nobody gets in while it is away, and everybody is told to come back.
      try await ScriptedBuilder().connect(farm) { session in
        guard case .refused(let refused) = try await session.next() else {
          Issue.record("let in without a database")
          return
        }
        #expect(refused.reason == .unavailable)
      }
      try await cluster.start()
      // As an operator's probe does: /readyz is the only word that the database is back.
      while try await farm.get("/readyz").status != 200 {
        try await Task.sleep(for: .milliseconds(50))
      }
      try await builder.work(farm, ready: false) { session in
        try await session.send(.resume(Heartbeat(attempts: [job.reference])))
        guard case .resumed(let resumed) = try await session.next() else {
          Issue.record("not resumed")
          return
        }
        #expect(resumed.held.map(\.reference) == [job.reference])
      }
    }
    try await cluster.stop()
  }
}
