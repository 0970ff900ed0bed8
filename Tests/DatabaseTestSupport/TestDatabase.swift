import Foundation
public import Postgres

/// A database of one test's own, on a server that all tests of this process share.
///
/// The server is started by the first test, with its data in a temporary directory; both go when
/// the process ends, even when it crashes.
public struct TestDatabase: Sendable {
  /// Where the test's own database is.
  public let address: PostgresAddress

  /// The project's own migrations.
  public static var projectMigrations: String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("migrations").path
  }

  /// Makes an empty database, or one with all migrations of a directory applied, in milliseconds:
  /// the migrated one is made once and copied.
  public static func make(migrations: String? = nil) async throws -> TestDatabase {
    TestDatabase(address: try await SharedCluster.shared.makeDatabase(migrations: migrations))
  }

  /// Drops the database; whoever is connected to it is disconnected.
  public func drop() async throws {
    try await SharedCluster.shared.drop(address)
  }

  /// Runs `body` with a database that exists only meanwhile.
  public static func with<Result>(
    migrations: String? = nil, _ body: (TestDatabase) async throws -> Result
  ) async throws -> Result {
    let database = try await make(migrations: migrations)
    do {
      let result = try await body(database)
      try await database.drop()
      return result
    } catch {
      try? await database.drop()
      throw error
    }
  }
}
