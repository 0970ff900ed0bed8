import DatabaseTestSupport
import Foundation
import LocalFarm
import TestSupport
import Testing

/// A farm of real processes with a database, a registry and a state folder of one test's own.
struct TestFarm {
  let farm: LocalFarm
  let registry: TinyRegistry
  /// Everything of the test; removed at its end.
  let directory: String

  var targets: String { "\(directory)/targets" }

  /// Runs `body` with a farm that is prepared but not started; afterwards everything is stopped and
  /// removed, whatever happened. A failure prints the ends of the processes' logs.
  ///
  /// - Parameter targets: the YAML of each target by its triple.
  static func with(
    targets: [String: String], modules: [String], leaseSeconds: Int? = nil,
    environment: [String: String] = [:], _ body: (TestFarm) async throws -> Void
  ) async throws {
    let directory = try temporaryDirectory()
    defer { remove(directory) }
    try await TestDatabase.with { database in
      let layout = try layout(
        directory, targets: targets, modules: modules, leaseSeconds: leaseSeconds,
        environment: environment)
      let farm = LocalFarm(layout: layout, database: database.address)
      let registry = try TinyRegistry(in: "\(directory)/registry")
      do {
        try await farm.prepare()
        try await body(TestFarm(farm: farm, registry: registry, directory: directory))
        await farm.stop()
      } catch {
        for process in await farm.processes {
          print("--- \(process.name)\n\(process.lastLines(40))")
        }
        await farm.stop()
        throw error
      }
    }
  }

  /// Starts registry and backend; what the API answers.
  func start() async throws -> FarmAPI {
    try await farm.startRegistry(
      script: Checkout.root + "/scripts/make_registry.py", directory: registry.directory)
    return FarmAPI(origin: try await farm.startBackend())
  }

  /// The job of a crate's newest version.
  func job(_ api: FarmAPI, _ crate: String, _ target: String) async throws -> Int64 {
    let version = try #require(try await api.crate(crate).newestVersion)
    let targets = try await api.version(crate, version).targets
    return try #require(targets.first { $0.target == target }?.job)
  }

  /// Asks the API until the job is as wanted, which other processes bring about.
  func wait(
    _ api: FarmAPI, job: Int64, within limit: Duration = .seconds(60),
    until isDone: (JobAnswer) -> Bool
  ) async throws -> JobAnswer {
    try await wait(for: "job \(job)", within: limit) {
      let answer = try await api.job(job)
      return isDone(answer) ? answer : nil
    }
  }

  /// Asks until there is an answer. While the backend is away there is none, which is what some
  /// tests are about.
  func wait<Answer>(
    for what: String, within limit: Duration = .seconds(60), _ ask: () async throws -> Answer?
  ) async throws -> Answer {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
      if let answer = try? await ask() { return answer }
      // Other processes bring it about, and the API is asked, as a client would.
      try await Task.sleep(for: .milliseconds(50))
    }
    throw TimedOut(what: what, limit: limit)
  }

  struct TimedOut: Error {
    let what: String
    let limit: Duration
  }

  /// The only target of the tests without containers: the fake module "builds" it by copying `true`.
  static func fakeTarget(_ script: String = "") -> String {
    """
    triple: x86_64-unknown-linux-gnu
    executor: fake
    tier: 1
    rust: ">=1.85"
    glibc: "2.36"
    runner: []
    fake:
      binary: /usr/bin/true
    \(script.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
    """
  }

  private static func layout(
    _ directory: String, targets: [String: String], modules: [String], leaseSeconds: Int?,
    environment: [String: String]
  ) throws -> FarmLayout {
    let files = FileManager.default
    for folder in ["targets", "recipes", "modules"] {
      try files.createDirectory(
        atPath: "\(directory)/\(folder)", withIntermediateDirectories: true)
    }
    for (triple, text) in targets {
      try Data(text.utf8).write(to: URL(filePath: "\(directory)/targets/\(triple).yaml"))
    }
    try files.createSymbolicLink(
      atPath: "\(directory)/targets/executors",
      withDestinationPath: Checkout.root + "/targets/executors")
    try files.copyItem(
      atPath: Checkout.root + "/recipes/_default.yaml",
      toPath: "\(directory)/recipes/_default.yaml")
    for module in modules {
      try files.copyItem(
        atPath: "\(TestPrograms.directory)/\(module)", toPath: "\(directory)/modules/\(module)")
    }
    return FarmLayout(
      programsDirectory: TestPrograms.directory, modulesDirectory: "\(directory)/modules",
      targetsDirectory: "\(directory)/targets", recipesDirectory: "\(directory)/recipes",
      migrationsDirectory: Checkout.root + "/migrations", stateDirectory: "\(directory)/state",
      leaseSeconds: leaseSeconds, verifyShare: 0, environment: environment)
  }

  private static func temporaryDirectory() throws -> String {
    let path = NSTemporaryDirectory() + "buildsrs-e2e-" + UUID().uuidString.prefix(8).lowercased()
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  /// The crate store's folders are read-only.
  private static func remove(_ directory: String) {
    let files = FileManager.default
    for path in files.subpaths(atPath: directory) ?? [] {
      try? files.setAttributes(
        [.posixPermissions: 0o700], ofItemAtPath: "\(directory)/\(path)")
    }
    try? files.removeItem(atPath: directory)
  }
}
