import ArtifactStorage
import Backend
import Cryptography
import Database
import DatabaseTestSupport
import FarmModel
import Foundation
import Logging
import Postgres
import ServiceLifecycle
import Signing
import Testing
import Transfer

/// A backend of a test's own: database, storage, key and two targets, served by this process on a port
/// that the kernel chooses.
struct BackendFarm: Sendable {
  static let x86 = "x86_64-unknown-linux-gnu"
  static let arm = "aarch64-unknown-linux-gnu"
  static let token = "the sync's token"

  let database: FarmDatabase
  let storage: FileStore
  let storageRoot: String
  let key: SigningKey
  let url: String
  /// Begins to stop the backend, as SIGTERM does.
  let stop: @Sendable () async -> Void
  private let client = TransferClient()

  // MARK: Running

  /// Runs `body` beside a backend, and stops it afterwards.
  ///
  /// - Parameters:
  ///   - address: of a database that is migrated; nil: one of this test's own.
  ///   - logger: of the backend; nil: nothing is logged.
  ///   - configure: changes what the backend is told.
  static func with(
    leaseSeconds: Int = 60, address: PostgresAddress? = nil, logger: Logger? = nil,
    configure: @escaping @Sendable (inout BackendConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (BackendFarm) async throws -> Void
  ) async throws {
    let directory = try TestFolder()
    defer { directory.remove() }
    await Turnstile.farms.enter()
    do { try await serve(address, directory, leaseSeconds, logger, configure, body) } catch {
      await Turnstile.farms.leave()
      throw error
    }
    await Turnstile.farms.leave()
  }

  private static func serve(
    _ address: PostgresAddress?, _ directory: TestFolder, _ leaseSeconds: Int, _ logger: Logger?,
    _ configure: @Sendable (inout BackendConfiguration) -> Void,
    _ body: @escaping @Sendable (BackendFarm) async throws -> Void
  ) async throws {
    guard let address else {
      return try await TestDatabase.with(migrations: TestDatabase.projectMigrations) { test in
        try await serveOn(test.address, directory, leaseSeconds, logger, configure, body)
      }
    }
    try await serveOn(address, directory, leaseSeconds, logger, configure, body)
  }

  private static func serveOn(
    _ address: PostgresAddress, _ directory: TestFolder, _ leaseSeconds: Int, _ logger: Logger?,
    _ configure: (inout BackendConfiguration) -> Void,
    _ body: @escaping @Sendable (BackendFarm) async throws -> Void
  ) async throws {
    let pool = PostgresPool(address, maximumConnections: 2)
    let database = FarmDatabase(pool: pool)
    let key = SigningKey.generate()
    try await database.registerSigningKey(
      id: key.publicKey.keyID, publicKey: key.publicKey.base64)
    let storage = FileStore(root: directory.path + "/storage")
    try await storage.writeMarker(FarmMarker(farm: "test"))
    try directory.writeTargets([x86, arm])
    var configuration = BackendConfiguration(
      database: address, storage: storage, signingKey: key,
      recipesDirectory: directory.path + "/recipes",
      targetsDirectory: directory.path + "/targets",
      migrationsDirectory: TestDatabase.projectMigrations, port: 0, registryToken: token,
      leaseSeconds: leaseSeconds)
    configuration.databasePatience = .milliseconds(300)
    configure(&configuration)
    do {
      try await run(configuration, logger: logger) { port, stop in
        try await body(
          BackendFarm(
            database: database, storage: storage, storageRoot: directory.path + "/storage",
            key: key,
            url: "http://127.0.0.1:\(port)", stop: stop))
      }
    } catch {
      await pool.close()
      throw error
    }
    await pool.close()
  }

  /// Runs a backend; `body` is told its port, and how to stop it.
  static func run(
    _ configuration: BackendConfiguration, logger own: Logger? = nil,
    _ body:
      @escaping @Sendable (Int, _ stop: @escaping @Sendable () async -> Void) async throws -> Void
  ) async throws {
    let (ports, found) = AsyncStream.makeStream(of: Int.self)
    var logger = own ?? Logger(label: "backend under test")
    if own == nil { logger.logLevel = .critical }
    let application = BackendApplication(configuration: configuration, logger: logger) { port in
      found.yield(port)
    }
    let services = ServiceGroup(services: [application], logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { found.finish() }
        try await services.run()
      }
      var iterator = ports.makeAsyncIterator()
      if let port = await iterator.next() {
        let stop: @Sendable () async -> Void = { await services.triggerGracefulShutdown() }
        do { try await body(port, stop) } catch {
          await services.triggerGracefulShutdown()
          throw error
        }
        await services.triggerGracefulShutdown()
      }
      try await group.waitForAll()
    }
  }

  // MARK: Asking

  struct Answer: Sendable {
    var status: Int
    var headers: TransferHeaders
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    /// A value in the JSON of the body by its path, as text; empty where there is none.
    func json(_ path: String...) -> String {
      var value = try? JSONSerialization.jsonObject(with: Data(body))
      for part in path {
        if let index = Int(part), let list = value as? [Any] {
          value = list.indices.contains(index) ? list[index] : nil
        } else {
          value = (value as? [String: Any])?[part]
        }
      }
      return value.map { "\($0)" } ?? ""
    }
  }

  func get(_ path: String, headers: TransferHeaders = [:], follow: Bool = false) async throws
    -> Answer
  {
    try await send("GET", path, headers: headers, follow: follow)
  }

  func send(
    _ method: String, _ path: String, headers: TransferHeaders = [:], body: [UInt8]? = nil,
    follow: Bool = false
  ) async throws -> Answer {
    let response = try await client.perform(
      TransferRequest(
        method: method, url: path.hasPrefix("http") ? path : url + path, headers: headers,
        body: body.map { .bytes($0) } ?? .none, timeout: .seconds(20), followRedirects: follow))
    return Answer(status: response.status, headers: response.headers, body: response.body)
  }

  func stream(_ path: String) async throws -> TransferStream {
    try await client.stream(TransferRequest(url: url + path))
  }

  /// Uploads a file as a builder does.
  func upload(
    _ bytes: [UInt8], to url: String, token: String, digest: [UInt8]? = nil,
    headers more: TransferHeaders = [:]
  ) async throws -> Answer {
    let sha256 = Data(digest ?? SHA256.digest(of: bytes)).base64EncodedString()
    var headers: TransferHeaders = [
      "Authorization": "Bearer \(token)", "Content-Digest": "sha-256=:\(sha256):",
    ]
    for field in more.fields { headers[field.name] = field.value }
    return try await send("PUT", url, headers: headers, body: bytes)
  }

  // MARK: Registry

  static let registry = RegistryRecord.registry(
    RegistryDescription(
      indexURL: "sparse+http://127.0.0.1/index/",
      downloadTemplate: "http://127.0.0.1/{crate}/{version}.crate"))

  static func version(
    _ crate: String, _ version: String = "1.0.0", yanked: Bool = false,
    binaries: [String] = ["tool"]
  ) throws -> RegistryRecord {
    .version(
      RegistryVersion(
        crate: try #require(CrateName(crate)), version: try #require(Semver(version)),
        checksum: SHA256.hex(of: crate + version), yanked: yanked,
        contents: CrateContents(
          binaries: binaries.map { CrateContents.Binary(name: $0) }, hasLockfile: true,
          description: "A tool called \(crate)")))
  }

  /// Reports records as the registry sync does.
  @discardableResult
  func report(_ records: [RegistryRecord]) async throws -> Answer {
    let lines = try records.map { try CanonicalJSON.text($0) + "\n" }
    return try await report(lines: lines.joined())
  }

  func report(lines: String, token: String = token) async throws -> Answer {
    try await send(
      "POST", "/api/v1/registry/versions", headers: ["Authorization": "Bearer \(token)"],
      body: Array(lines.utf8))
  }

  /// The number of the only job of a crate's version for a target.
  func job(_ crate: String, _ version: String = "1.0.0", target: String = x86) async throws -> Int64
  {
    let answer = try await get("/api/v1/crates/\(crate)/\(version)/\(target)")
    return try #require(Int64(answer.json("job")), "\(answer.text)")
  }

  /// Where targets and recipes are.
  var directory: String { String(storageRoot.dropLast("/storage".count)) }

  /// Whether the storage holds a file that is not complete yet.
  var isReceiving: Bool {
    let names = try? FileManager.default.contentsOfDirectory(atPath: storageRoot + "/.partial")
    return names?.isEmpty == false
  }

  /// Makes a lease run out without waiting for it.
  func expire(_ job: Int64) async throws {
    try await database.pool.query(
      "UPDATE jobs SET lease_expires_at = clock_timestamp() - interval '1 second' WHERE id = $1",
      [.int(job)])
  }
}

/// A folder of a test's own.
struct TestFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/buildsrs-backend-\(UUID().uuidString)"
    for name in ["targets", "recipes"] {
      try FileManager.default.createDirectory(
        atPath: "\(path)/\(name)", withIntermediateDirectories: true)
    }
  }

  func writeTargets(_ triples: [String]) throws {
    for triple in triples {
      try write("targets/\(triple).yaml", Self.target(triple))
    }
  }

  static func target(_ triple: String) -> String {
    "triple: \(triple)\nexecutor: fake\nfake: {}\nrust: \">=1.80\"\nlimits: { memory: 1GiB }\n"
  }

  func write(_ file: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: "\(path)/\(file)"))
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
