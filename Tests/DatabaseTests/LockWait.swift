import Postgres

/// PostgreSQL tells nobody that somebody waits for a connection's locks: it is asked again and again, within the suite's
/// time limit.
func untilSomebodyWaits(for connection: PostgresConnection) async throws {
  while true {
    let rows = try await connection.query(
      """
      SELECT count(*) AS n FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))
      """)
    if try rows[0].int("n") > 0 { return }
    try await Task.sleep(for: .milliseconds(5))
  }
}
