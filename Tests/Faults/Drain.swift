import Postgres

/// Waits until the healed farm has done all that there is to do.
struct Drain: Sendable {
  let farm: Farm
  /// How long jobs may take, with the longest pause before a last try.
  let jobLimit: Duration
  /// How long tidying up may take: the tidier waits a minute before it looks after others' attempts.
  let tidyLimit = Duration.seconds(100)

  struct Times: Codable, Sendable {
    var jobs = 0.0
    var tidying = 0.0
  }

  /// - Returns: how long it took; what does not end in time is for the verdict to tell.
  func run() async throws -> Times {
    try await releaseBuilders()
    var times = Times()
    times.jobs = try await wait(
      jobLimit,
      """
      SELECT (SELECT count(*) FROM jobs WHERE state IN ('pending', 'leased')
                AND to_jsonb(jobs) ->> 'hold' IS DISTINCT FROM 'suspect')
           + (SELECT count(*) FROM attempts WHERE finished_at IS NULL) AS rest
      """)
    times.tidying = try await wait(
      tidyLimit,
      """
      SELECT (SELECT count(*) FROM log_chunks) + (SELECT count(*) FROM uploads) AS rest
      """)
    return times
  }

  /// What an operator does after a bad day: no builder is held back for failures that were injected.
  private func releaseBuilders() async throws {
    let connection = try await PostgresConnection(connecting: farm.database.address)
    let columns = try await connection.query(
      """
      SELECT FROM information_schema.columns
      WHERE table_name = 'builders' AND column_name = 'quarantined_until'
      """)
    if !columns.isEmpty {
      try await connection.execute(
        "UPDATE builders SET quarantined_until = NULL, quarantines = 0, failed_crates = '{}'")
    }
    await connection.close()
  }

  /// Asks until nothing is left, or the time is over; the seconds that it took.
  private func wait(_ limit: Duration, _ sql: String) async throws -> Double {
    let start = ContinuousClock.now
    let connection = try await PostgresConnection(connecting: farm.database.address)
    var rest = Int.max
    while rest > 0, ContinuousClock.now - start < limit {
      let now = try await connection.query(sql).map { try $0.int("rest") }.first ?? 0
      if now != rest { farm.note("left to do: \(now)") }
      rest = now
      if rest > 0 { try await Task.sleep(for: .milliseconds(300)) }
    }
    await connection.close()
    return (ContinuousClock.now - start) / .seconds(1)
  }
}
