import Postgres
import Testing

@Suite("Transactions", .timeLimit(.minutes(3))) struct TransactionTests {
  private struct Refusal: Error {}

  @Test("what returns is committed, what throws is rolled back")
  func commitAndRollback() async throws {
    try await withPool { pool, _ in
      try await pool.query("CREATE TABLE t (id int)")
      try await pool.transaction { try $0.query("INSERT INTO t VALUES (1)") }
      await #expect(throws: Refusal.self) {
        try await pool.transaction { connection in
          try connection.query("INSERT INTO t VALUES (2)")
          throw Refusal()
        }
      }
      #expect(try await pool.query("SELECT id FROM t").map { try $0.int("id") } == [1])
    }
  }

  @Test("a swallowed error does not commit half of a transaction")
  func swallowedError() async throws {
    try await withPool { pool, _ in
      try await pool.query("CREATE TABLE t (id int)")
      try await expectSQLState("25P02") {
        try await pool.transaction { connection in
          try connection.query("INSERT INTO t VALUES (1)")
          _ = try? connection.query("SELECT nothing")
        }
      }
      #expect(try await pool.query("SELECT FROM t").isEmpty)
    }
  }

  /// Fails with an SQLSTATE until the sequence `attempts` has come to a number.
  private func fail(_ state: String, until number: Int) -> String {
    """
    DO $$ BEGIN IF nextval('attempts') < \(number) THEN
    RAISE 'again' USING ERRCODE = '\(state)'; END IF; END $$
    """
  }

  @Test("serialization failures are tried again, other errors are not")
  func retries() async throws {
    try await withPool { pool, _ in
      try await pool.query("CREATE SEQUENCE attempts")
      try await pool.transaction(isolation: .serializable) {
        try $0.execute(fail("40001", until: 3))
      }
      #expect(try await pool.query("SELECT last_value AS n FROM attempts")[0].int("n") == 3)
      try await expectSQLState("40P01") {
        try await pool.transaction { try $0.execute(fail("40P01", until: 99)) }
      }
      #expect(try await pool.query("SELECT last_value AS n FROM attempts")[0].int("n") == 11)
      try await expectSQLState("P0001") {
        try await pool.transaction { try $0.execute(fail("P0001", until: 99)) }
      }
      #expect(try await pool.query("SELECT last_value AS n FROM attempts")[0].int("n") == 12)
    }
  }

  @Test("two transactions that read and write the same rows both come through, one after another")
  func realConflict() async throws {
    try await withPool { pool, _ in
      try await pool.query("CREATE TABLE t AS SELECT 0 AS n")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<4 {
          group.addTask {
            try await pool.transaction(isolation: .serializable) { connection in
              let n = try connection.query("SELECT n FROM t").single().int("n")
              try connection.query("UPDATE t SET n = $1", [.int(n + 1)])
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await pool.query("SELECT n FROM t").single().int("n") == 4)
    }
  }

  @Test("a transaction inside a transaction is refused")
  func nested() async throws {
    try await withPool { pool, _ in
      try await expectSQLState("25001") {
        try await pool.transaction { connection in
          try connection.transaction { _ in }
        }
      }
    }
  }

  private struct Insert: Statement {
    static let sql = "INSERT INTO t (name) VALUES ($1)"
    let name: String
    var parameters: [PostgresValue] { [.text(name)] }
  }

  private struct Names: Statement {
    static let sql = "SELECT name FROM t ORDER BY name"
    func decode(_ row: PostgresRow) throws -> String { try row.text("name") }
  }

  @Test("statements are types: checked without running, run with typed rows")
  func statements() async throws {
    try await withPool { pool, _ in
      let all: [any Statement.Type] = [Insert.self, Names.self]
      try await pool.query("CREATE TABLE t (id int)")
      try await expectSQLState("42703") {
        try await pool.withConnection { try Insert.prepare(on: $0) }
      }
      try await pool.query("ALTER TABLE t ADD name text")
      try await pool.withConnection { connection in
        for statement in all { try statement.prepare(on: connection) }
        #expect(try connection.run(Names()) == [])
        #expect(try connection.change(Insert(name: "hexyl")) == 1)
      }
      #expect(try await pool.run(Names()) == ["hexyl"])
    }
  }
}
