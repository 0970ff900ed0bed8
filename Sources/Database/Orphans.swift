import Postgres
import Scheduling

extension FarmDatabase {
  /// Notes contents that were copied for a publication that did not happen.
  public func noteOrphans(_ contents: [String]) async throws {
    guard !contents.isEmpty else { return }
    try await pool.run(OrphanStatements.Note(contents))
  }

  /// Contents that nobody has published or uploaded for so long, for one backend to delete within
  /// ``deletionSeconds``; until it has forgotten them nobody publishes them. Those that somebody has
  /// are forgotten here.
  ///
  /// - Parameter owner: a random text of who is to delete them. Another one gets them when this one has
  ///   not forgotten them after four times ``deletionSeconds``: it is dead.
  public func orphansToDelete(owner: String, afterSeconds seconds: Double, limit: Int) async throws
    -> [String]
  {
    try await pool.transaction { connection in
      try connection.run(OrphanStatements.Reprieve())
      return try connection.run(
        OrphanStatements.Condemn(
          owner: owner, seconds: seconds, takeOverSeconds: 4 * deletionSeconds, limit: limit))
    }
  }

  /// For how long whoever has condemned contents may begin to delete them: half a lease.
  public var deletionSeconds: Double { Double(terms.leaseSeconds) / 2 }

  /// The contents are deleted by their owner: they may be published again.
  public func forgetOrphans(_ contents: [String], owner: String) async throws {
    try await pool.run(OrphanStatements.Forget(contents, owner: owner))
  }

  /// Whether one of these contents is being deleted now.
  public func isBeingDeleted(_ contents: [String]) async throws -> Bool {
    try await pool.run(OrphanStatements.Condemned(contents)).first ?? false
  }

  /// Of these attempts, those that are over for good, or that never were: what was stored for them is of
  /// no use.
  public func endedAttempts(_ attempts: [(job: Int64, attempt: Int32)]) async throws
    -> [AttemptNumber]
  {
    guard !attempts.isEmpty else { return [] }
    return try await pool.run(OrphanStatements.Ended(attempts))
  }
}

enum OrphanStatements {
  static let all: [any Statement.Type] = [
    Note.self, Reprieve.self, Condemn.self, Forget.self, Condemned.self, Ended.self,
  ]

  struct Note: Statement {
    static let sql = """
      INSERT INTO orphans (sha256)
      SELECT DISTINCT c FROM unnest($1::text[]) AS c
      WHERE NOT EXISTS (SELECT FROM artifacts a WHERE a.sha256 = c)
      ON CONFLICT (sha256) DO NOTHING
      """
    let parameters: [PostgresValue]
    init(_ contents: [String]) { parameters = [.textArray(contents)] }
  }

  struct Reprieve: Statement {
    static let sql = """
      DELETE FROM orphans o
      WHERE NOT deleting AND (EXISTS (SELECT FROM artifacts a WHERE a.sha256 = o.sha256)
                              OR EXISTS (SELECT FROM uploads u WHERE u.sha256 = o.sha256))
      """
  }

  struct Condemn: Statement {
    static let sql = """
      UPDATE orphans SET deleting = true, owner = $3, condemned_at = clock_timestamp()
      WHERE sha256 IN (
        SELECT sha256 FROM orphans
        WHERE CASE WHEN deleting THEN condemned_at < clock_timestamp() - make_interval(secs => $4)
                   ELSE found_at < clock_timestamp() - make_interval(secs => $1) END
        ORDER BY found_at LIMIT $2 FOR UPDATE SKIP LOCKED)
      RETURNING sha256
      """
    let parameters: [PostgresValue]
    init(owner: String, seconds: Double, takeOverSeconds: Double, limit: Int) {
      parameters = [.double(seconds), .int(limit), .text(owner), .double(takeOverSeconds)]
    }
    func decode(_ row: PostgresRow) throws -> String { try row.text("sha256") }
  }

  struct Forget: Statement {
    static let sql = """
      DELETE FROM orphans WHERE deleting AND owner = $2 AND sha256 = ANY ($1::text[])
      """
    let parameters: [PostgresValue]
    init(_ contents: [String], owner: String) { parameters = [.textArray(contents), .text(owner)] }
  }

  struct Condemned: Statement {
    static let sql = """
      SELECT EXISTS (SELECT FROM orphans WHERE deleting AND sha256 = ANY ($1::text[])) AS found
      """
    let parameters: [PostgresValue]
    init(_ contents: [String]) { parameters = [.textArray(contents)] }
    func decode(_ row: PostgresRow) throws -> Bool { try row.bool("found") }
  }

  struct Ended: Statement {
    static let sql = """
      SELECT g.job, g.attempt
      FROM unnest($1::bigint[], $2::int[]) AS g (job, attempt)
      LEFT JOIN attempts a ON a.job_id = g.job AND a.attempt = g.attempt
      LEFT JOIN jobs j ON j.id = g.job
      WHERE a.job_id IS NULL
         OR (a.finished_at < clock_timestamp() - interval '20 seconds'
             AND (a.failure_class IS DISTINCT FROM 'lease-lost' OR j.attempt > a.attempt
                  OR j.state <> 'pending'))
      """
    let parameters: [PostgresValue]
    init(_ attempts: [(job: Int64, attempt: Int32)]) {
      parameters = [
        .intArray(attempts.map(\.job)), .intArray(attempts.map { Int64($0.attempt) }),
      ]
    }
    func decode(_ row: PostgresRow) throws -> AttemptNumber {
      AttemptNumber(job: Int64(try row.int("job")), attempt: Int32(try row.int("attempt")))
    }
  }
}
