import DatabaseTestSupport
import Foundation
import Postgres
import Testing

/// A database and a connection to it, which exist only while `body` runs.
func withConnection(
  _ body: (PostgresConnection) async throws -> Void
) async throws {
  try await TestDatabase.with { database in
    try await body(try await PostgresConnection(connecting: database.address))
  }
}

/// A database and a pool on it, which exist only while `body` runs.
func withPool(
  maximumConnections: Int = 4, _ body: (PostgresPool, TestDatabase) async throws -> Void
) async throws {
  try await TestDatabase.with { database in
    let pool = PostgresPool(database.address, maximumConnections: maximumConnections)
    try await body(pool, database)
    await pool.close()
  }
}

/// Looks every 2 ms until `condition` holds; a test's own time limit ends it otherwise.
func until(_ condition: () async throws -> Bool) async throws {
  while try await !condition() {
    try await Task.sleep(for: .milliseconds(2))
  }
}

/// Waits until the server runs a statement that contains `text`, for another connection.
func untilRunning(_ text: String, seenBy connection: PostgresConnection) async throws {
  try await until {
    try await connection.query(
      """
      SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND datname = current_database()
      AND pid <> pg_backend_pid() AND query LIKE '%' || $1 || '%'
      """, [.text(text)]
    ).count == 1
  }
}

/// The SQLSTATE that `body` throws; `nil` when it throws none.
func sqlState(_ body: () async throws -> Void) async throws -> String? {
  do {
    try await body()
    return nil
  } catch let error as PostgresError {
    return error.sqlState
  }
}

/// Expects that `body` throws a `PostgresError` with this SQLSTATE.
func expectSQLState(
  _ expected: String, at location: SourceLocation = #_sourceLocation,
  _ body: () async throws -> Void
) async throws {
  let state = try await sqlState(body)
  #expect(state == expected, sourceLocation: location)
}

/// A directory that exists only while `body` runs.
func withTemporaryDirectory<Result>(
  _ body: (String) async throws -> Result
) async throws -> Result {
  let path = FileManager.default.temporaryDirectory.path + "/buildsrs-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try await body(path)
}
