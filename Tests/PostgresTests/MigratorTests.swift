import DatabaseTestSupport
import Foundation
import Postgres
import Testing

@Suite("Migrator", .timeLimit(.minutes(3))) struct MigratorTests {
  private static let good = [
    "0001_crates.sql": "CREATE TABLE crates (id int);\nCREATE TABLE versions (id int);\n",
    "0002_jobs.sql": "CREATE TABLE jobs (id int);\n",
    "README.md": "not a migration",
  ]

  private func withDirectory(
    _ files: [String: String],
    _ body: (Migrator, TestDatabase) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      try write(files, to: directory)
      try await TestDatabase.with { try await body(Migrator(directory: directory), $0) }
    }
  }

  private func write(_ files: [String: String], to directory: String) throws {
    for (name, text) in files {
      try text.write(toFile: "\(directory)/\(name)", atomically: true, encoding: .utf8)
    }
  }

  @Test("migrations are applied in order, once, and recorded")
  func applies() async throws {
    try await withDirectory(Self.good) { migrator, database in
      #expect(try await migrator.pending(database.address).map(\.file).count == 2)
      let applied = try await migrator.migrate(database.address)
      #expect(applied.map(\.file) == ["0001_crates.sql", "0002_jobs.sql"])
      #expect(try await migrator.migrate(database.address) == [])
      try write(["0003_more.sql": "ALTER TABLE jobs ADD name text"], to: migrator.directory)
      #expect(try await migrator.migrate(database.address).map(\.number) == [3])
      let connection = try await PostgresConnection(connecting: database.address)
      let rows = try await connection.query(
        "SELECT name, sha256 FROM schema_migrations ORDER BY number")
      #expect(try rows.map { try $0.text("name") } == ["crates", "jobs", "more"])
      #expect(try rows[0].text("sha256") == applied[0].sha256)
    }
  }

  @Test("two at once apply each migration once")
  func concurrent() async throws {
    try await withDirectory(Self.good) { migrator, database in
      let counts = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<4 {
          group.addTask { try await migrator.migrate(database.address).count }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(counts.sorted() == [0, 0, 0, 2])
    }
  }

  @Test("a changed, a missing and a renamed file are told apart")
  func history() async throws {
    try await withDirectory(Self.good) { migrator, database in
      try await migrator.migrate(database.address)
      try write(["0002_jobs.sql": "CREATE TABLE jobs (id bigint)"], to: migrator.directory)
      await #expect(throws: MigrationError.changed("0002_jobs.sql", applied: "0002_jobs.sql")) {
        try await migrator.migrate(database.address)
      }
      try FileManager.default.removeItem(atPath: "\(migrator.directory)/0002_jobs.sql")
      let error = await #expect(throws: MigrationError.missingFile("0002_jobs.sql")) {
        try await migrator.migrate(database.address)
      }
      #expect(
        error?.description
          == "0002_jobs.sql was applied to this database, but its file is missing: "
          + "restore it, or use a release that has it")
    }
  }

  @Test("a failing migration names file and line, and leaves nothing behind")
  func failure() async throws {
    let files = ["0001_bad.sql": "CREATE TABLE a (id int);\n\nCREATE TABLE b (id nosuchtype);\n"]
    try await withDirectory(files) { migrator, database in
      let error = try await #require(throws: MigrationError.self) {
        try await migrator.migrate(database.address)
      }
      #expect(
        error.description
          == "0001_bad.sql:3: ERROR 42704: type \"nosuchtype\" does not exist (at character 46); "
          + "nothing of this file was applied")
      let connection = try await PostgresConnection(connecting: database.address)
      let rows = try await connection.query("SELECT to_regclass('a') AS a")
      #expect(try rows[0].optionalText("a") == nil)
      try write(["0001_bad.sql": "SELECT 1; COMMIT;"], to: migrator.directory)
      await #expect(throws: MigrationError.endsTransaction("0001_bad.sql")) {
        try await migrator.migrate(database.address)
      }
    }
  }

  @Test(
    "bad names and numbers are refused before anything is applied",
    arguments: [
      (["0002_b.sql"], MigrationError.missingNumber(1, before: "0002_b.sql")),
      (["0001_a.sql", "0003_c.sql"], .missingNumber(2, before: "0003_c.sql")),
      (["0001_a.sql", "0001_b.sql"], .duplicateNumber("0001_a.sql", "0001_b.sql")),
      (["1_a.sql"], .badName("1_a.sql")), (["0001-a.sql"], .badName("0001-a.sql")),
      (["0001_.sql"], .badName("0001_.sql")), (["-001_a.sql"], .badName("-001_a.sql")),
    ])
  func names(files: [String], expected: MigrationError) async throws {
    let texts = Dictionary(uniqueKeysWithValues: files.map { ($0, "SELECT 1") })
    try await withDirectory(texts) { migrator, database in
      await #expect(throws: expected) { try await migrator.migrate(database.address) }
    }
  }

  @Test("a test's database is a copy of the migrated one")
  func testDatabase() async throws {
    try await withTemporaryDirectory { directory in
      try write(Self.good, to: directory)
      for _ in 0..<2 {
        try await TestDatabase.with(migrations: directory) { database in
          let connection = try await PostgresConnection(connecting: database.address)
          try await connection.query("INSERT INTO jobs VALUES (1)")
          #expect(try await connection.query("SELECT FROM jobs").count == 1)
        }
      }
    }
  }
}
