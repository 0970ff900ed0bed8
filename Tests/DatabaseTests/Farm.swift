import BuilderProtocol
import Database
import DatabaseTestSupport
import ExecutorKit
import FarmModel
import Foundation
import Postgres
import Scheduling
import Testing

/// A farm's database of one test's own, with helpers that make what most tests begin with.
struct Farm {
  static let triple = "aarch64-unknown-linux-gnu"
  let database: FarmDatabase

  /// Runs `body` with a freshly migrated database; leases last 60 s unless told otherwise.
  static func with(
    leaseSeconds: Int = 60, _ body: (Farm) async throws -> Void
  ) async throws {
    try await TestDatabase.with(migrations: TestDatabase.projectMigrations) { test in
      let pool = PostgresPool(test.address, maximumConnections: 6)
      let database = FarmDatabase(pool: pool, terms: LeaseTerms(leaseSeconds: leaseSeconds))
      do { try await body(Farm(database: database)) } catch {
        await pool.close()
        throw error
      }
      await pool.close()
    }
  }

  static let registry = RegistryRecord.registry(
    RegistryDescription(
      indexURL: "sparse+http://127.0.0.1/index/", downloadTemplate: "http://127.0.0.1/{crate}"))

  static func version(
    _ crate: String, _ version: String = "1.0.0", yanked: Bool = false,
    binaries: [String]? = ["tool"], checksum: Character = "a"
  ) throws -> RegistryRecord {
    .version(
      RegistryVersion(
        crate: try #require(CrateName(crate)), version: try #require(Semver(version)),
        checksum: String(repeating: checksum, count: 64), yanked: yanked,
        contents: binaries.map { names in
          CrateContents(
            binaries: names.map { CrateContents.Binary(name: $0) }, hasLockfile: true)
        }))
  }

  /// A crate as a whole; `versions` nil: nothing is said of them.
  static func crate(_ name: String, _ versions: [String]? = nil, downloads: Int64? = nil) throws
    -> RegistryRecord
  {
    .crate(
      RegistryCrate(
        crate: try #require(CrateName(name)),
        versions: try versions?.map { try #require(Semver($0)) },
        downloads: downloads))
  }

  static func plan(_ crate: String, memory: Int64 = 4 << 30) -> Plan {
    Plan(
      inputs: BuildInputs(
        crate: crate, version: "1.0.0", checksum: String(repeating: "a", count: 64),
        target: triple, executor: "fake", configuration: .map([:])),
      checks: BuildChecks(), limits: Limits(memory: memory))
  }

  /// Tells the farm of a crate and makes its job; the version's number.
  @discardableResult
  func addJob(
    _ crate: String, group: String? = nil, jobClass: JobClass = .new, digest: String = "b",
    memory: Int64 = 4 << 30
  ) async throws -> Int64 {
    _ = try await database.ingest([Self.registry, Self.version(crate)])
    let version = try await versionID(crate)
    _ = try await database.want([
      WantedJob(
        versionID: version, target: Self.triple, jobClass: jobClass, group: group ?? crate,
        plan: Self.plan(crate, memory: memory),
        planDigest: String(repeating: digest, count: 64))
    ])
    return version
  }

  /// The number of a version that the farm knows.
  func versionID(_ crate: String, _ version: String = "1.0.0") async throws -> Int64 {
    let crate = try #require(try await database.crate(named: crate))
    let versions = try await database.versions(ofCrate: crate.id)
    return try #require(versions.first { $0.version == version }).id
  }

  /// An approved builder.
  func addBuilder(_ digit: String = "1") async throws -> Int64 {
    let builder = try await database.registerBuilder(
      name: "builder \(digit)", publicKey: String(repeating: digit, count: 64), version: "1",
      tokenHash: nil)
    // Only approved builders are given jobs.
    _ = try await database.setBuilderState(String(builder.id), to: .approved)
    return builder.id
  }

  /// What a builder says of its one slot.
  func tellMemory(_ bytes: Int64, of builder: Int64) async throws {
    let json = try JSONEncoder().encode(Self.profile(memory: bytes))
    try await database.setCapabilities(
      builder: builder, json: String(decoding: json, as: UTF8.self))
  }

  /// What a builder has with so much memory.
  static func profile(memory: Int64 = 8 << 30) -> Capabilities {
    Capabilities(
      modules: [],
      targets: [.init(triple: triple, module: "fake", health: .ready(toolchains: []))],
      architecture: "x86_64", cores: 1, memoryBytes: memory, diskBytes: 1 << 40, slots: 1)
  }

  func claim(_ builder: Int64, memory: Int64 = 8 << 30) async throws -> ClaimedJob? {
    try await claim([ClaimWish(builder: builder, slots: 1)], memory: memory).first
  }

  func claim(
    _ wishes: [ClaimWish], memory: Int64 = 8 << 30, limits: [String: Int] = [:]
  ) async throws -> [ClaimedJob] {
    let profile = Self.profile(memory: memory)
    let numbers = try await database.requirements().filter {
      profile.obstacle(to: $0.requirement) == nil
    }.map(\.id)
    let slots = wishes.reduce(0) { $0 + $1.slots }
    return try await database.claim(
      wishes, requirements: numbers,
      tokenHashes: ["token"] + (1..<max(2, slots)).map { "token \($0)" },
      limits: limits)
  }

  /// Makes a lease run out without waiting for it.
  func expire(_ job: Int64) async throws {
    try await database.pool.query(
      "UPDATE jobs SET lease_expires_at = clock_timestamp() - interval '1 second' WHERE id = $1",
      [.int(job)])
  }

  /// Lets a job be claimed again without waiting for its pause.
  func endPause(_ job: Int64) async throws {
    try await database.pool.query(
      "UPDATE jobs SET not_before = clock_timestamp() WHERE id = $1", [.int(job)])
    _ = try await database.releaseHeldJobs()
  }

  static func report(_ output: String = "tool 1.0.0\n") -> BuildReport {
    let inspection = Inspection(
      format: "ELF64", machine: "aarch64", endianness: "little", interpreter: nil, needed: [],
      glibcFloor: "2.34")
    return BuildReport(
      binaries: [
        BinaryReport(
          name: "tool", size: 3, sha256: String(repeating: "c", count: 64), inspection: inspection,
          smoke: [
            SmokeReport(
              arguments: ["--version"], verdict: .answered, output: output, exitStatus: 0,
              runner: [])
          ])
      ], leftOut: [],
      environment: EnvironmentIdentity(
        digest: "sha256:1", rustc: "rustc 1.96.0", cargo: "cargo 1.96.0", linker: "gcc"),
      seconds: ["build": 1],
      artifacts: [
        ArtifactReport(
          name: "tool.tar.gz", kind: .binary, size: 3, sha256: String(repeating: "d", count: 64))
      ])
  }

  func publish(
    _ job: ClaimedJob, builder: Int64, report: BuildReport = Farm.report(), verify: Bool = false
  ) async throws
    -> PublicationOutcome
  {
    try await database.registerSigningKey(id: "0123456789ABCDEF", publicKey: "key")
    return try await database.publish(
      builder: builder, job: job.id, attempt: job.attempt, report: report,
      artifacts: report.artifacts.map {
        SignedArtifact(report: $0, signature: "signature", keyID: "0123456789ABCDEF")
      }, verify: verify)
  }
}
