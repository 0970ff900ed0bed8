import Foundation
import Postgres

/// The one server of this process, and the migrated databases that tests are copied from.
actor SharedCluster {
  static let shared = SharedCluster()

  private var creating: Task<PostgresConnection, any Error>?
  /// Another connection, so that no test waits for the end of another.
  private var dropping: Task<PostgresConnection, any Error>?
  private var templates: [String: Task<String, any Error>] = [:]
  private var databases = 0

  func makeDatabase(migrations: String?) async throws -> PostgresAddress {
    let connection = try await connection()
    let template = try await template(migrations, connection)
    let name = nextName("test")
    try await connection.execute("CREATE DATABASE \(name) TEMPLATE \(template)")
    return connection.address.withDatabase(name)
  }

  func drop(_ address: PostgresAddress) async throws {
    guard let name = address.database else { return }
    let address = try await connection().address
    let task = dropping ?? Task { try await PostgresConnection(connecting: address) }
    dropping = task
    try await task.value.execute("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
  }

  private func nextName(_ prefix: String) -> String {
    databases += 1
    return "\(prefix)_\(databases)"
  }

  /// Several tests may ask at once: they all wait for the one that begins.
  private func connection() async throws -> PostgresConnection {
    let task = creating ?? Task { try await Self.start() }
    creating = task
    return try await task.value
  }

  private static func start() async throws -> PostgresConnection {
    let cluster = EmbeddedCluster(
      directory: "\(parentDirectory)/buildsrs-test-\(getpid())", durable: false)
    try await cluster.removeWhenThisProcessEnds()
    try await cluster.start()
    return try await PostgresConnection(connecting: try await cluster.address)
  }

  /// Memory, where there is a gigabyte of it: a database is copied there in 10 ms instead of 250.
  private static var parentDirectory: String {
    let memory = "/dev/shm"
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: memory)
    let free = attributes?[.systemFreeSize] as? NSNumber
    guard let free, free.int64Value > 1 << 30, access(memory, W_OK) == 0 else {
      return FileManager.default.temporaryDirectory.path
    }
    return memory
  }

  private func template(
    _ migrations: String?, _ connection: PostgresConnection
  ) async throws -> String {
    guard let migrations else { return "template0" }
    let name = nextName("template")
    let task =
      templates[migrations]
      ?? Task {
        try await connection.execute("CREATE DATABASE \(name) TEMPLATE template0")
        try await Migrator(directory: migrations).migrate(connection.address.withDatabase(name))
        return name
      }
    templates[migrations] = task
    return try await task.value
  }
}
