import Cryptography
import FarmModel
import Foundation
import LocalFarm
import Postgres
import SimulatedBuilders
import Transfer

/// A farm whose backend is the real program, in a process of its own, on the run's own server.
struct BenchFarm: Sendable {
  static let targets = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]

  let server: BenchServer
  let local: LocalFarm
  let rows: QueueRows
  /// Of the server.
  let postgres: Int32
  let client = TransferClient()
  private let stateDirectory: String

  /// Starts the server and prepares all that a backend needs.
  ///
  /// - Parameter programs: the directory that holds `buildsrs`.
  static func prepare(programs: String, checkout: String) async throws -> BenchFarm {
    let server = try await BenchServer.start()
    let folder = server.directory
    for name in ["targets", "recipes"] {
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
    }
    for triple in targets {
      let text =
        "triple: \(triple)\nexecutor: \(SimulatedBuilder.module)\n\(SimulatedBuilder.module): {}\n"
        + "rust: \">=1.80\"\nlimits: { memory: 1GiB }\n"
      try Data(text.utf8).write(to: URL(filePath: "\(folder)/targets/\(triple).yaml"))
    }
    let address = try await server.cluster.address
    let layout = FarmLayout(
      programsDirectory: programs, modulesDirectory: programs,
      targetsDirectory: "\(folder)/targets",
      recipesDirectory: "\(folder)/recipes", migrationsDirectory: "\(checkout)/migrations",
      stateDirectory: "\(folder)/state", verifyShare: 0)
    let local = LocalFarm(layout: layout, database: address)
    try await local.prepare()
    let rows = QueueRows(pool: PostgresPool(address, maximumConnections: 4))
    return BenchFarm(
      server: server, local: local, rows: rows, postgres: try await rows.server(),
      stateDirectory: "\(folder)/state")
  }

  /// Stops the backend, closes the connections and removes the server.
  func end() async {
    await local.stop()
    await rows.pool.close()
    await server.stop()
  }

  /// Runs `body` beside a backend that has just started, and stops it.
  func withBackend<Result: Sendable>(
    _ body: (BenchBackend) async throws -> Result
  ) async throws -> Result {
    let url = try await local.startBackend()
    guard let process = await local.processes.last else {
      throw BenchFailure("the backend has no process")
    }
    do {
      try await Self.planned(process)
      let result = try await body(BenchBackend(farm: self, url: url, process: process.pid))
      if await local.lost() != nil { throw BenchFailure("the backend has ended by itself") }
      await local.stop()
      return result
    } catch {
      await local.stop()
      throw error
    }
  }

  /// Waits until a backend has looked through all versions, which it does once when it starts.
  private static func planned(_ backend: ChildProcess) async throws {
    while await backend.isRunning {
      let log = (try? String(contentsOfFile: backend.logFile, encoding: .utf8)) ?? ""
      if log.contains("the recipes are applied") { return }
      // A file cannot be awaited portably.
      try await Task.sleep(for: .milliseconds(20))
    }
    throw BenchFailure("the backend has ended by itself:\n\(backend.lastLines())")
  }

  func registryToken() throws -> String {
    try String(contentsOfFile: "\(stateDirectory)/registry.token", encoding: .utf8)
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Approved builders that can build for all targets, each with one slot.
  func builders(_ count: Int) async throws -> [SimulatedBuilder] {
    let builders = (1...count).map {
      SimulatedBuilder(name: "bench-\($0)", slots: 1, targets: Self.targets)
    }
    try await rows.approve(
      names: builders.map(\.name), keys: builders.map { Hex.encode($0.key.publicKey) })
    return builders
  }
}

/// One backend that runs.
struct BenchBackend: Sendable {
  let farm: BenchFarm
  let url: String
  let process: Int32

  /// Reports versions as the registry sync does; the backend plans a job for each target.
  func report(crate: String, version: String) async throws {
    guard let name = CrateName(crate), let number = Semver(version) else {
      throw BenchFailure("\(crate) \(version) is no version")
    }
    let records = [
      RegistryRecord.registry(
        RegistryDescription(
          indexURL: "sparse+http://127.0.0.1/index/",
          downloadTemplate: "http://127.0.0.1/{crate}/{version}.crate")),
      .version(
        RegistryVersion(
          crate: name, version: number, checksum: SHA256.hex(of: crate + version), yanked: false,
          contents: CrateContents(
            binaries: [CrateContents.Binary(name: "tool")], hasLockfile: true,
            description: "A tool called \(crate)"))),
    ]
    let lines = try records.map { try CanonicalJSON.text($0) + "\n" }.joined()
    let response = try await farm.client.perform(
      TransferRequest(
        method: "POST", url: "\(url)/api/v1/registry/versions",
        headers: ["Authorization": "Bearer \(try farm.registryToken())"],
        body: .bytes(Array(lines.utf8)), timeout: .seconds(20)))
    guard response.status == 200 else {
      throw BenchFailure("the backend answered \(response.status) to a new version")
    }
  }

  /// Processor time so far.
  func processors() -> Processors {
    Processors(
      backend: ProcessUsage.seconds(of: process),
      postgres: ProcessUsage.secondsOfFamily(of: farm.postgres),
      builders: ProcessUsage.seconds(of: getpid()))
  }
}
