import DatabaseTestSupport
import Postgres
import Testing

@Suite struct ConnectionTests {
  @Test("a statement with parameters answers typed rows")
  func query() async throws {
    try await TestDatabase.with { database in
      let connection = try await PostgresConnection(connecting: database.address)
      let rows = try await connection.query(
        "SELECT $1::int + 1 AS sum, $2::text AS name", [41, "hexyl"])
      #expect(try rows[0].int("sum") == 42)
      #expect(try rows[0].text("name") == "hexyl")
      #expect(rows.columns == ["sum", "name"])
      #expect(rows.affectedRows == 1)
    }
  }
}
