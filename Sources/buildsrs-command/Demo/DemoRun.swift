import CommandLineSupport
import Foundation
import LocalFarm
import Postgres

/// One run of the demo.
struct DemoRun: Sendable {
  struct Options: Sendable {
    var keep: Bool
    var reuse: Bool
    var registry: String?
    var slots: Int
  }
  let place: DemoPlace
  let options: Options
  private let console = DemoConsole()

  static let crates = ["hexyl", "ripgrep"]
  static let targets = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]

  func run() async throws {
    guard KeptFarm.running(place) == nil else {
      throw CommandFailure("a farm is running already: stop it with ./bootstrap demo --stop")
    }
    console.heading(
      "builds.rs demo: \(Self.crates.joined(separator: " and ")) for "
        + Self.targets.joined(separator: " and "))
    let cluster = EmbeddedCluster(directory: try Settings().embeddedDatabaseDirectory)
    let wasRunning = try await cluster.isRunning
    do {
      try await run(cluster, wasRunning: wasRunning)
    } catch {
      if !wasRunning { try? await cluster.stop() }
      throw error
    }
  }

  private func run(_ cluster: EmbeddedCluster, wasRunning: Bool) async throws {
    let database = try await console.step("database") {
      try await cluster.start()
      let fresh = try await prepareDatabase(cluster)
      return (fresh, "PostgreSQL under .local/postgres, database \(place.database)")
    }
    let farm = LocalFarm(layout: try layout(), database: database, registryURL: registryURL)
    do {
      try await work(with: farm)
      if options.keep {
        try await keep(farm, startedDatabase: !wasRunning)
      } else {
        try await stop(farm, cluster: wasRunning ? nil : cluster)
      }
    } catch {
      let lost = await farm.lost()
      console.event("stopping the farm")
      await farm.stop()
      guard let lost else { throw error }
      throw CommandFailure(
        "\(lost.name) has ended by itself; its log is \(lost.logFile):\n\(lost.lastLines())")
    }
  }

  private func work(with farm: LocalFarm) async throws {
    let api = try await start(farm)
    try await console.step("sync") {
      try await farm.sync(Self.crates)
      return ((), "the backend knows \(Self.crates.joined(separator: " and "))")
    }
    console.heading("Builds")
    let jobs = try await DemoWatch(api: api, console: console).untilDone()
    console.heading("Results, as the API tells them")
    try await DemoResults(api: api, console: console).show(jobs)
    console.heading("Proof")
    try await DemoProof(api: api, console: console, place: place).prove(
      "ripgrep", on: Self.targets[1])
    tellWhere(api)
  }

  /// Starts everything that runs all the time.
  private func start(_ farm: LocalFarm) async throws -> FarmAPI {
    if options.registry == nil {
      try await console.step("registry") {
        (
          (),
          try await farm.startRegistry(script: "scripts/make_registry.py", directory: try made())
        )
      }
    } else {
      console.line("registry", registryURL)
    }
    let origin = try await console.step("backend") {
      try await farm.prepare()
      let origin = try await farm.startBackend(listen: "127.0.0.1:\(FreePort.first(from: 8080))")
      return (origin, origin)
    }
    try await console.step("builder") {
      let builder = try await farm.startBuilder("builder-1", slots: options.slots)
      return ((), "builder-1, process \(builder.pid), slots: \(options.slots)")
    }
    return FarmAPI(origin: origin)
  }

  /// An empty database, or with `--reuse` the last one.
  private func prepareDatabase(_ cluster: EmbeddedCluster) async throws -> PostgresAddress {
    let address = try await cluster.address
    let connection = try await PostgresConnection(connecting: address)
    let exists = try await connection.query(
      "SELECT FROM pg_database WHERE datname = $1", [.text(place.database)])
    if !options.reuse || exists.isEmpty {
      let name = quotedIdentifier(place.database)
      try await connection.execute("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
      try await connection.execute("CREATE DATABASE \(name)")
      try? FileManager.default.removeItem(atPath: place.state)
    } else {
      console.line("reuse", "keeping what the last run has built")
    }
    await connection.close()
    return address.withDatabase(place.database)
  }

  private func keep(_ farm: LocalFarm, startedDatabase: Bool) async throws {
    try KeptFarm(await farm.processes, startedDatabase: startedDatabase).write(place)
    console.line("running", "the farm stays up: stop it with ./bootstrap demo --stop")
  }

  private func stop(_ farm: LocalFarm, cluster: EmbeddedCluster?) async throws {
    try await console.step("stop") {
      await farm.stop()
      try await cluster?.stop()
      return ((), "everything is stopped; --keep leaves the farm running")
    }
  }

  /// The addresses answer only as long as the farm runs.
  private func tellWhere(_ api: FarmAPI) {
    console.heading("Where to look")
    if options.keep {
      console.line("API", "\(api.origin)/api/v1/crates/ripgrep")
      console.line("jobs", "\(api.origin)/api/v1/queue")
      console.line("metrics", "\(api.origin)/metrics")
    }
    console.line("download", place.downloads)
    console.line("public key", "\(place.state)/minisign.pub")
    console.line("logs", "\(place.state)/logs")
  }

  private var registryURL: String {
    switch options.registry {
    case "crates.io", nil: "sparse+https://index.crates.io/"
    case let url?: url
    }
  }

  /// The registry that `./bootstrap registry` has made.
  private func made() throws -> String {
    guard let directory = ProcessInfo.processInfo.environment["BUILDSRS_REGISTRY_DIRECTORY"] else {
      throw CommandFailure(
        "BUILDSRS_REGISTRY_DIRECTORY is not set: use ./bootstrap demo, or --registry crates.io")
    }
    return directory
  }

  /// The demo's own targets only, beside the modules' files: the others of the repository would keep
  /// its one builder busy for half an hour.
  private func chosenTargets(of directory: String) throws -> String {
    let files = FileManager.default
    let chosen = place.root + "/targets"
    try? files.removeItem(atPath: chosen)
    try files.createDirectory(atPath: chosen, withIntermediateDirectories: true)
    for target in Self.targets {
      try files.copyItem(
        atPath: "\(directory)/\(target).yaml", toPath: "\(chosen)/\(target).yaml")
    }
    try files.createSymbolicLink(
      atPath: chosen + "/executors",
      withDestinationPath: URL(filePath: directory + "/executors").standardizedFileURL
        .path(percentEncoded: false))
    return chosen
  }

  private func layout() throws -> FarmLayout {
    let settings = try Settings()
    let programs = URL(filePath: Settings.runningProgram).deletingLastPathComponent()
    return FarmLayout(
      programsDirectory: programs.path(percentEncoded: false),
      modulesDirectory: settings.modulesDirectory,
      targetsDirectory: try chosenTargets(of: settings.targetsDirectory),
      recipesDirectory: settings.recipesDirectory, migrationsDirectory: "migrations",
      stateDirectory: place.state)
  }
}
