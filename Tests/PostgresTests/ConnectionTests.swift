import DatabaseTestSupport
import Postgres
import Testing

@Suite("PostgresConnection", .timeLimit(.minutes(3))) struct ConnectionTests {
  @Test("a statement with parameters answers typed rows")
  func query() async throws {
    try await withConnection { connection in
      let rows = try await connection.query(
        "SELECT $1::int + 1 AS sum, $2::text AS name", [41, "hexyl"])
      #expect(try rows[0].int("sum") == 42)
      #expect(try rows[0].text("name") == "hexyl")
      #expect(rows.columns == ["sum", "name"])
      #expect(rows.affectedRows == 1)
    }
  }

  @Test("errors carry the server's SQLSTATE, the constraint and the place")
  func errors() async throws {
    try await withConnection { connection in
      try await connection.execute(
        "CREATE TABLE t (id int CONSTRAINT t_key PRIMARY KEY); INSERT INTO t VALUES (7)")
      let duplicate = try await #require(throws: PostgresError.self) {
        try await connection.query("INSERT INTO t VALUES ($1)", [7])
      }
      #expect(duplicate.isUniqueViolation)
      #expect(duplicate.constraint == "t_key")
      #expect(duplicate.severity == "ERROR")
      #expect(
        duplicate.description
          == "ERROR 23505: duplicate key value violates unique constraint \"t_key\"")
      let unknown = try await #require(throws: PostgresError.self) {
        try await connection.execute("SELECT 1; SELECT nothing")
      }
      #expect(unknown.sqlState == "42703")
      #expect(unknown.position == 18)
    }
  }

  @Test("an error's description shows no value of the statement")
  func descriptionHidesValues() async throws {
    try await withConnection { connection in
      let error = try await #require(throws: PostgresError.self) {
        try await connection.query("SELECT $1::int", ["hunter2"])
      }
      #expect(error.message == "invalid input syntax for type integer: \"hunter2\"")
      #expect(
        error.description == "ERROR 22P02: invalid input syntax for type integer: \"…\"")
      #expect(!String(reflecting: error).contains("hunter2"))
    }
  }

  @Test("one statement takes NULL, an integer and a text form, whatever came first")
  func parametersAreInferred() async throws {
    try await withConnection { connection in
      for (value, expected) in [(nil, nil), (5, 5), ("6", 6)] as [(PostgresValue, Int?)] {
        let rows = try await connection.query("SELECT $1::int AS value", [value])
        #expect(try rows[0].optionalInt("value") == expected)
      }
    }
  }

  @Test("text with U+0000 is refused instead of being cut")
  func zeroByte() async throws {
    try await withConnection { connection in
      try await expectSQLState("22021") { try await connection.query("SELECT $1::text", ["a\0b"]) }
      try await expectSQLState("22021") { try await connection.execute("SELECT 1\0") }
    }
  }

  @Test("a statement is prepared once, and the oldest of too many is given up")
  func statementCache() async throws {
    try await withConnection { connection in
      for number in 0..<300 {
        try await connection.query("SELECT \(number)")
        try await connection.query("SELECT -1")
      }
      let rows = try await connection.query("SELECT count(*) AS n FROM pg_prepared_statements")
      #expect(try rows[0].int("n") == 256)
    }
  }

  @Test("a statement whose columns a migration changed is prepared anew")
  func changedColumns() async throws {
    try await withConnection { connection in
      try await connection.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
      #expect(try await connection.query("SELECT * FROM t").columns == ["a"])
      try await connection.execute("ALTER TABLE t ADD b int")
      #expect(try await connection.query("SELECT * FROM t").columns == ["a", "b"])
      try await connection.execute("DEALLOCATE ALL")
      #expect(try await connection.query("SELECT * FROM t").columns == ["a", "b"])
    }
  }

  @Test("COPY takes rows in chunks that end anywhere, and nothing when one is bad")
  func copy() async throws {
    try await withConnection { connection in
      try await connection.execute("CREATE TABLE t (id int, name text)")
      let chunks = ["1\thex", "yl\n2\t", "rip\\tgrep\n"].map { Array($0.utf8) }
      #expect(try await connection.copyIn("COPY t FROM STDIN", chunks: chunks) == 2)
      let rows = try await connection.query("SELECT name FROM t ORDER BY id")
      #expect(try rows.map { try $0.text("name") } == ["hexyl", "rip\tgrep"])
      try await expectSQLState("22P02") {
        try await connection.copyIn("COPY t FROM STDIN", chunks: [Array("x\ty\n".utf8)])
      }
      try await expectSQLState("42601") { try await connection.copyIn("SELECT 1", chunks: []) }
      #expect(try await connection.query("SELECT FROM t").count == 2)
    }
  }

  @Test("COPY by other calls is refused and leaves the connection usable")
  func copyByMistake() async throws {
    try await withConnection { connection in
      try await connection.execute("CREATE TABLE t (id int)")
      try await expectSQLState("57014") { try await connection.execute("COPY t FROM STDIN") }
      try await expectSQLState("0A000") {
        try await connection.execute("COPY (SELECT 1) TO STDOUT")
      }
      #expect(try await connection.query("SELECT 1").count == 1)
    }
  }

  @Test("cancelling the task cancels the statement, and the connection goes on")
  func cancellation() async throws {
    try await TestDatabase.with { database in
      let connection = try await PostgresConnection(connecting: database.address)
      let other = try await PostgresConnection(connecting: database.address)
      let sleeper = Task { try await connection.query("SELECT pg_sleep(3600)") }
      try await untilRunning("pg_sleep", seenBy: other)
      sleeper.cancel()
      await #expect(throws: CancellationError.self) { try await sleeper.value }
      #expect(try await connection.query("SELECT 1 AS one")[0].int("one") == 1)
    }
  }

  @Test("a statement timeout of the server is no cancellation of the task")
  func statementTimeout() async throws {
    try await withConnection { connection in
      try await connection.execute("SET statement_timeout = '10ms'")
      try await expectSQLState("57014") { try await connection.query("SELECT pg_sleep(3600)") }
    }
  }

  @Test("a connection that the server ends says so and stays broken")
  func lost() async throws {
    try await TestDatabase.with { database in
      let connection = try await PostgresConnection(connecting: database.address)
      let other = try await PostgresConnection(connecting: database.address)
      let process = try await connection.query("SELECT pg_backend_pid() AS pid")[0].int("pid")
      try await other.query("SELECT pg_terminate_backend($1, 60000)", [.int(process)])
      let error = try await #require(throws: PostgresError.self) {
        try await connection.query("SELECT 1")
      }
      #expect(error.isConnectionFailure)
      #expect(await connection.isBroken)
      try await expectSQLState("08006") { try await connection.execute("SELECT 1") }
    }
  }

  @Test("a closed connection refuses statements")
  func closed() async throws {
    try await withConnection { connection in
      await connection.close()
      await connection.close()
      #expect(await connection.isBroken)
      try await expectSQLState("08003") { try await connection.query("SELECT 1") }
    }
  }

  @Test("a server that is not there is an error at once, with the place in it")
  func nobodyThere() async throws {
    let address = try PostgresAddress("host=/nonexistent dbname=x")
    let error = try await #require(throws: PostgresError.self) {
      try await PostgresConnection(connecting: address)
    }
    #expect(error.sqlState == "08001")
    #expect(error.message.contains("/nonexistent/.s.PGSQL.5432"))
  }

  @Test("a missing database and a missing role have SQLSTATEs of their own")
  func refused() async throws {
    try await TestDatabase.with { database in
      try await expectSQLState("3D000") {
        _ = try await PostgresConnection(connecting: database.address.withDatabase("nowhere"))
      }
      let stranger = database.address.connectionString
        .split(separator: "user=buildsrs").joined(separator: "user=stranger")
      try await expectSQLState("28000") {
        _ = try await PostgresConnection(connecting: try PostgresAddress(stranger))
      }
    }
  }
}
