/// Brings a database to the schema of a directory of migrations, which only ever grows.
public struct Migrator: Sendable {
  /// The directory with `NNNN_name.sql`.
  public let directory: String

  /// Taken by whoever migrates a database; any number would do, if nobody else uses it.
  private static let lock = "7598543895146213"

  /// Reads nothing yet.
  public init(directory: String) { self.directory = directory }

  /// Applies what is not applied yet, in order, each file in a transaction of its own. Several may
  /// run at once: one works, the others wait for it and find nothing to do.
  ///
  /// - Returns: the migrations that this call has applied.
  /// - Throws: `MigrationError`; `PostgresError` when the database cannot be reached;
  ///   `CancellationError`, between two migrations or within one, which is rolled back.
  @discardableResult
  public func migrate(_ address: PostgresAddress) async throws -> [Migration] {
    try await withConnection(address) { connection in
      try connection.query("SELECT pg_advisory_lock(\(Self.lock))")
      defer { _ = try? connection.finish("SELECT pg_advisory_unlock(\(Self.lock))") }
      try connection.execute(Self.table)
      let pending = try pending(connection)
      for migration in pending { try apply(migration, connection) }
      return pending
    }
  }

  /// What `migrate` would apply; the database is not changed.
  ///
  /// - Throws: as `migrate`.
  public func pending(_ address: PostgresAddress) async throws -> [Migration] {
    try await withConnection(address) { try pending($0) }
  }

  private func withConnection<Result: Sendable>(
    _ address: PostgresAddress,
    _ body: @Sendable (isolated PostgresConnection) throws -> Result
  ) async throws -> Result {
    let connection = try await PostgresConnection(
      connecting: address, applicationName: "buildsrs migrate")
    do {
      let result = try await connection.run(body)
      await connection.close()
      return result
    } catch {
      await connection.close()
      throw error
    }
  }

  private static let table = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
      number integer PRIMARY KEY,
      name text NOT NULL,
      sha256 text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """

  private func pending(_ connection: isolated PostgresConnection) throws -> [Migration] {
    let migrations = try Migration.load(directory)
    let known = try connection.query("SELECT to_regclass('schema_migrations') IS NOT NULL AS known")
    guard try known.single().bool("known") else { return migrations }
    let rows = try connection.query(
      "SELECT number, name, sha256 FROM schema_migrations ORDER BY number")
    let applied = try rows.map { row in
      AppliedMigration(
        number: try row.int("number"), name: try row.text("name"), sha256: try row.text("sha256"))
    }
    return try AppliedMigration.pending(migrations, after: applied)
  }

  private func apply(_ migration: Migration, _ connection: isolated PostgresConnection) throws {
    try connection.transaction { connection in
      do {
        try connection.execute(migration.sql)
      } catch let error as PostgresError where !error.isConnectionFailure {
        throw MigrationError.failed(
          migration.file, line: Self.line(of: error, in: migration), error)
      }
      guard connection.isInTransaction else {
        throw MigrationError.endsTransaction(migration.file)
      }
      try connection.query(
        "INSERT INTO schema_migrations (number, name, sha256) VALUES ($1, $2, $3)",
        [.int(migration.number), .text(migration.name), .text(migration.sha256)])
    }
  }

  private static func line(of error: PostgresError, in migration: Migration) -> Int? {
    error.position.map { position in
      1 + migration.sql.unicodeScalars.prefix(position - 1).count { $0 == "\n" }
    }
  }
}
