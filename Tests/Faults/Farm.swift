import Foundation
import LocalFarm
import Postgres
import Transfer

/// Everything that runs: PostgreSQL, backends behind proxies, builders, and the registry sync.
struct Farm: Sendable {
  static let targets = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]

  let directory: String
  let database: DatabaseServer
  let backends: [BackendProcess]
  let fleet: Fleet
  let registry: Registry
  let staff: Operator
  let book: Book
  let start = ContinuousClock.now
  let isVerbose: Bool

  var storage: String { "\(directory)/state/storage" }

  /// Tells what happens, with the seconds since the beginning.
  func note(_ text: String) {
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let line = "[\(rounded(seconds))] \(text)\n"
    if isVerbose { FileHandle.standardError.write(Data(line.utf8)) }
    guard let log = FileHandle(forWritingAtPath: "\(directory)/faults.log") else { return }
    _ = try? log.seekToEnd()
    try? log.write(contentsOf: Data(line.utf8))
    try? log.close()
  }

  // MARK: Starting

  struct Options: Sendable {
    var directory: String
    var programs: String
    var seed: UInt64
    var backends: Int
    var builders: Int
    var leaseSeconds: Int
    var keep: Bool
    var isVerbose: Bool
  }

  /// Makes database, schema, key and storage, and starts the backends.
  static func prepare(_ options: Options, proxies: [Proxy]) async throws -> Farm {
    try writeFiles(in: options.directory)
    let database = try await DatabaseServer(
      directory: "\(options.directory)/postgres", removeAtEnd: !options.keep)
    do { return try await prepare(options, proxies: proxies, database) } catch {
      try? await database.stop()
      throw error
    }
  }

  private static func prepare(
    _ options: Options, proxies: [Proxy], _ database: DatabaseServer
  ) async throws -> Farm {
    let directory = options.directory
    let local = LocalFarm(
      layout: FarmLayout(
        programsDirectory: options.programs, modulesDirectory: directory,
        targetsDirectory: "\(directory)/targets", recipesDirectory: "\(directory)/recipes",
        migrationsDirectory: checkout + "/migrations", stateDirectory: "\(directory)/state"),
      database: database.address)
    try await local.prepare()
    try await PlanHistory.keep(on: database.address)
    let book = Book()
    let leash = try Leash(mark: directory)
    let client = TransferClient()
    let origins = proxies.map(\.url)
    let token = try String(contentsOfFile: local.layout.registryTokenFile, encoding: .utf8)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    return Farm(
      directory: directory, database: database,
      backends: proxies.enumerated().map { index, proxy in
        BackendProcess(
          name: "backend-\(index)", proxy: proxy,
          arguments: arguments(options, local.layout, database.address, origins),
          logs: "\(directory)/logs", book: book, leash: leash)
      },
      fleet: Fleet(
        count: options.builders, targets: targets,
        context: FleetContext(
          seed: options.seed, book: book, origins: origins, client: client, isCalm: Switch())),
      registry: Registry(origins: origins, token: token, client: client, book: book),
      staff: Operator(
        address: database.address, programs: options.programs, logs: "\(directory)/logs"),
      book: book, isVerbose: options.isVerbose)
  }

  private static func arguments(
    _ options: Options, _ layout: FarmLayout, _ database: PostgresAddress, _ origins: [String]
  ) -> [String] {
    [
      "\(options.programs)/buildsrs", "backend", "--database-url", database.connectionString,
      "--state-directory", layout.stateDirectory, "--signing-key-file",
      "\(layout.stateDirectory)/signing.key", "--registry-token-file", layout.registryTokenFile,
      "--targets-directory", layout.targetsDirectory, "--recipes-directory",
      layout.recipesDirectory, "--migrations-directory", layout.migrationsDirectory,
      "--lease-seconds", String(options.leaseSeconds), "--verify-share", "0.1",
    ] + origins.flatMap { ["--public-url", $0] }
  }

  private static func writeFiles(in directory: String) throws {
    let files = FileManager.default
    for folder in ["targets", "recipes", "logs"] {
      try files.createDirectory(
        atPath: "\(directory)/\(folder)", withIntermediateDirectories: true)
    }
    for triple in targets {
      let text = """
        triple: \(triple)
        executor: fake
        fake: {}
        rust: ">=1.80"
        limits: { memory: 1GiB }

        """
      try Data(text.utf8).write(to: URL(filePath: "\(directory)/targets/\(triple).yaml"))
    }
    try Data().write(to: URL(filePath: "\(directory)/faults.log"))
  }

  private static let checkout = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path

  // MARK: Ending

  /// Nothing is done to anything any more, and everything runs.
  func heal() async throws {
    for backend in backends { backend.proxy.heal() }
    try await database.heal()
    for backend in backends { try await backend.heal() }
    await fleet.calm()
  }

  /// Stops all processes, in order.
  func stop() async {
    await withTaskGroup(of: Void.self) { group in
      for backend in backends { group.addTask { await backend.stop() } }
    }
  }
}

extension FarmLayout {
  /// As `LocalFarm` makes it.
  var registryTokenFile: String { "\(stateDirectory)/registry.token" }
}
