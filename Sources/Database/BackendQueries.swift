import Postgres

extension FarmDatabase {
  /// What operators think of a builder now, and which session is its newest; nil: there is no such
  /// builder. Notes that it was seen.
  public func standing(of builder: Int64) async throws -> StoredStanding? {
    try await pool.run(BackendStatements.Standing(builder: builder)).first
  }

  /// Attempts whose end can no longer be undone and whose log pieces or uploads are still there: a
  /// backend died between the end and the tidying up.
  ///
  /// A lost lease can be revived until somebody else claims the job; such attempts wait.
  public func untidyAttempts(limit: Int) async throws -> [AttemptNumber] {
    try await pool.run(BackendStatements.Untidy(limit: limit))
  }
}

/// Whether a builder is to work, and by which session.
public struct StoredStanding: Sendable, Equatable {
  public var state: StoredBuilder.State
  public var isDraining: Bool
  public var session: Int64
  /// Which run of the builder's program the session is of; nil: not told.
  public var instance: String?
}

enum BackendStatements {
  static let all: [any Statement.Type] = [Untidy.self, Standing.self]

  struct Standing: Statement {
    static let sql = """
      UPDATE builders SET last_seen_at = clock_timestamp() WHERE id = $1
      RETURNING state, draining, session, instance
      """
    let parameters: [PostgresValue]
    init(builder: Int64) { parameters = [.int(builder)] }
    func decode(_ row: PostgresRow) throws -> StoredStanding {
      StoredStanding(
        state: StoredBuilder.State(rawValue: try row.text("state")) ?? .disabled,
        isDraining: try row.bool("draining"), session: Int64(try row.int("session")),
        instance: try row.optionalText("instance"))
    }
  }

  struct Untidy: Statement {
    static let sql = """
      SELECT a.job_id, a.attempt
      FROM (SELECT DISTINCT job_id, attempt FROM log_chunks
            UNION SELECT DISTINCT job_id, attempt FROM uploads) AS left_over
      JOIN attempts a USING (job_id, attempt) JOIN jobs j ON j.id = a.job_id
      WHERE a.finished_at < clock_timestamp() - interval '1 minute'
        AND (a.failure_class IS DISTINCT FROM 'lease-lost' OR j.attempt > a.attempt
             OR j.state <> 'pending')
      LIMIT $1
      """
    let parameters: [PostgresValue]
    init(limit: Int) { parameters = [.int(limit)] }
    func decode(_ row: PostgresRow) throws -> AttemptNumber {
      AttemptNumber(job: Int64(try row.int("job_id")), attempt: Int32(try row.int("attempt")))
    }
  }
}
