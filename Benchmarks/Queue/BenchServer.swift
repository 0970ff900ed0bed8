import Foundation
import Postgres

/// A PostgreSQL of this run's own in a temporary directory, both of which go when the process ends.
struct BenchServer: Sendable {
  let directory: String
  let cluster: EmbeddedCluster

  /// What differs from PostgreSQL's defaults: statistics of statements, and room for a table of some
  /// gigabytes. Durability is left as it is: fsync and synchronous_commit are on.
  private static let settings = [
    "shared_preload_libraries": "pg_stat_statements", "shared_buffers": "512MB",
    "max_wal_size": "4GB",
  ]

  static func start() async throws -> BenchServer {
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "buildsrs-bench-\(getpid())").path(percentEncoded: false)
    // Readable for the server's user, who is another one where root starts it.
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o755])
    let cluster = EmbeddedCluster(directory: "\(directory)/postgres")
    try await cluster.removeWhenThisProcessEnds()
    try await cluster.start()
    let server = BenchServer(directory: directory, cluster: cluster)
    try await server.configure()
    return server
  }

  private func configure() async throws {
    let connection = try await PostgresConnection(connecting: try await cluster.address)
    for (name, value) in Self.settings {
      try await connection.execute("ALTER SYSTEM SET \(name) = '\(value)'")
    }
    await connection.close()
    try await cluster.stop()
    try await cluster.start()
    let again = try await PostgresConnection(connecting: try await cluster.address)
    try await again.execute("CREATE EXTENSION pg_stat_statements")
    await again.close()
  }

  func stop() async {
    do { try await cluster.stop() } catch { progress("the server was not stopped: \(error)") }
    try? FileManager.default.removeItem(atPath: directory)
  }
}
