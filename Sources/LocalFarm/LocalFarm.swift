import Cryptography
import Foundation
public import Postgres

/// A whole farm of processes on this machine: backend, registry sync and builders, which share
/// nothing but URLs and the database. The demo and the end-to-end tests run it.
public actor LocalFarm {
  public nonisolated let layout: FarmLayout
  public nonisolated let database: PostgresAddress
  private var registryURL: String
  /// In the order in which they were started; stopped in reverse.
  private var children: [ChildProcess] = []
  private var backendURL: String?

  /// - Parameter registryURL: a sparse index; what ``startRegistry(script:directory:)`` serves else.
  public init(
    layout: FarmLayout, database: PostgresAddress,
    registryURL: String = "sparse+https://index.crates.io/"
  ) {
    self.layout = layout
    self.database = database
    self.registryURL = registryURL
  }

  /// The children that run, with their names and process numbers.
  public var processes: [ChildProcess] { children }

  /// The address of the sparse index without `sparse+`; nil: the registry has another kind of index.
  public var registryAddress: String? {
    registryURL.hasPrefix("sparse+") ? String(registryURL.dropFirst("sparse+".count)) : nil
  }

  /// Makes what a backend needs before its first start: schema, signing key, storage marker, token.
  public func prepare() async throws {
    try FileManager.default.createDirectory(
      atPath: layout.stateDirectory, withIntermediateDirectories: true)
    try await command(
      "migrate", ["migrate", "--migrations-directory", layout.migrationsDirectory] + databaseFlags)
    try await command(
      "keys", ["keys", "generate", "--signing-key-file", layout.signingKey] + databaseFlags)
    // A farm that was there before goes by the recipes of its last run.
    try await applyRecipes()
    if !FileManager.default.fileExists(atPath: layout.registryToken) {
      let made = FileManager.default.createFile(
        atPath: layout.registryToken, contents: Data((Random.token() + "\n").utf8),
        attributes: [.posixPermissions: 0o600])
      guard made else {
        throw LocalFarmError.failed(name: "writing \(layout.registryToken)", log: "")
      }
    }
  }

  /// Puts the layout's targets and recipes in force; backends that run follow.
  public func applyRecipes() async throws {
    try await command(
      "recipes",
      [
        "recipes", "apply", "--targets-directory", layout.targetsDirectory,
        "--recipes-directory", layout.recipesDirectory,
      ] + databaseFlags)
  }

  /// Serves a registry that was made before, on a free port; its index URL.
  ///
  /// - Parameter script: the project's `make_registry.py`.
  @discardableResult
  public func startRegistry(script: String, directory: String) async throws -> String {
    let child = try start(
      "registry", ["/usr/bin/python3", script, "serve", "--out", directory, "--port", "0"])
    registryURL = "sparse+http://127.0.0.1:\(try await child.firstLine())/index/"
    return registryURL
  }

  /// Starts a backend and waits until it serves; its URL.
  ///
  /// - Parameter listen: host and port; port 0 picks a free one.
  @discardableResult
  public func startBackend(listen: String = "127.0.0.1:0") async throws -> String {
    var arguments = [
      "backend", "--listen", listen, "--signing-key-file", layout.signingKey,
      "--registry-token-file", layout.registryToken, "--targets-directory",
      layout.targetsDirectory, "--recipes-directory", layout.recipesDirectory,
    ]
    if let share = layout.verifyShare { arguments += ["--verify-share", String(share)] }
    if let seconds = layout.leaseSeconds { arguments += ["--lease-seconds", String(seconds)] }
    let child = try start("backend", [layout.buildsrs] + arguments + databaseFlags + stateFlags)
    let line = try await child.firstLine()
    guard let url = line.split(separator: " ").last.map(String.init), url.hasPrefix("http") else {
      throw LocalFarmError.notReady(
        name: child.name, reason: "it said “\(line)”", log: child.lastLines())
    }
    backendURL = url
    return url
  }

  /// Starts a builder with an invitation; it connects and takes jobs by itself.
  ///
  /// - Parameter slots: how many attempts it runs at once.
  @discardableResult
  public func startBuilder(_ name: String, slots: Int = 1) async throws -> ChildProcess {
    let directory = "\(layout.stateDirectory)/\(name)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let token = "\(directory)/enrolment.token"
    try await command(
      "invite", ["builders", "invite", "--note", name, "--output", token] + databaseFlags)
    return try start(
      name,
      [
        layout.builder, "run", "--backend-url", try url(), "--name", name, "--slots",
        String(slots), "--state-directory", directory, "--modules-directory",
        layout.modulesDirectory, "--targets-directory", layout.targetsDirectory,
        "--enrolment-token-file", token,
      ])
  }

  /// Reads the registry once and reports these crates to the backend.
  public func sync(_ crates: [String]) async throws {
    try await command(
      "registry-sync",
      [
        "registry-sync", "--once", "--registry-url", registryURL, "--backend-url", try url(),
        "--registry-token-file", layout.registryToken,
      ] + crates.flatMap { ["--crate", $0] })
  }

  /// A child that has ended though nobody has stopped it.
  public func lost() async -> ChildProcess? {
    for child in children where await !child.isRunning { return child }
    return nil
  }

  /// Forgets a child that was killed on purpose.
  public func forget(_ child: ChildProcess) {
    children.removeAll { $0.pid == child.pid }
  }

  /// Stops everything in the reverse order of its start.
  public func stop() async {
    for child in children.reversed() { await child.stop() }
    children = []
  }

  private func url() throws -> String {
    guard let backendURL else {
      throw LocalFarmError.notReady(name: "backend", reason: "it was not started", log: "")
    }
    return backendURL
  }

  private var databaseFlags: [String] { ["--database-url", database.connectionString] }
  private var stateFlags: [String] { ["--state-directory", layout.stateDirectory] }

  private func start(_ name: String, _ arguments: [String]) throws -> ChildProcess {
    let child = try ChildProcess(
      name, arguments, environment: layout.environment, directory: layout.logs)
    children.append(child)
    return child
  }

  /// Runs a `buildsrs` command to its end.
  @discardableResult
  private func command(_ name: String, _ arguments: [String]) async throws -> String {
    let child = try ChildProcess(
      name, [layout.buildsrs] + arguments + stateFlags, environment: layout.environment,
      directory: layout.logs)
    guard await child.ending() == 0 else {
      throw LocalFarmError.failed(
        name: "buildsrs \(arguments.prefix(2).joined(separator: " "))", log: child.lastLines())
    }
    return (try? String(contentsOfFile: child.outputFile, encoding: .utf8)) ?? ""
  }
}
