public import FarmModel
import Postgres

/// What an operator's decision has made of a job.
public struct OperatedJob: Sendable, Equatable {
  public var id: Int64
  public var state: JobState
  /// Whether it runs and its builder is asked to end it.
  public var isCancelRequested: Bool
}

extension FarmDatabase {
  /// Gives a job that has failed, was cancelled or is held all its tries anew; wakes idle builders.
  ///
  /// - Returns: nil where there is no such job, or it is in another state.
  /// - Throws: ``VersionNotOffered``.
  public func retry(job: Int64) async throws -> OperatedJob? {
    try await pool.transaction { connection in
      try connection.checkIsOffered(job: job)
      guard let (job, requirement) = try connection.run(OperationStatements.Retry(job: job)).first
      else { return nil }
      try connection.wake([requirement])
      return job
    }
  }

  /// Builds a job once more that has succeeded, or whose check waits or has failed; what is served stays until the
  /// new build is published.
  ///
  /// - Returns: nil where there is no such job, or it is in another state.
  /// - Throws: ``VersionNotOffered``.
  public func rebuild(job: Int64) async throws -> OperatedJob? {
    try await pool.transaction { connection in
      try connection.checkIsOffered(job: job)
      guard let (job, requirement) = try connection.run(OperationStatements.Rebuild(job: job)).first
      else { return nil }
      try connection.wake([requirement])
      return job
    }
  }

  /// Takes a pending job out of the queue, or asks the builder of a leased one to end it. It stays out
  /// until an operator retries it, whatever becomes of its version. Where it only checks what is published,
  /// that is as it was before.
  ///
  /// - Returns: nil where there is no such job, or it has ended.
  public func cancel(job: Int64) async throws -> OperatedJob? {
    try await pool.run(OperationStatements.Cancel(job: job)).first
  }

  /// The jobs whose served build was made by an older Rust than this, verifications not counted.
  ///
  /// - Parameter version: three numbers.
  public func jobsBuilt(beforeRust version: (Int, Int, Int), limit: Int) async throws -> [Int64] {
    try await pool.run(OperationStatements.BuiltBefore(version, limit: limit))
  }
}

/// A job of a version that is yanked or no longer listed is not built.
public struct VersionNotOffered: Error, Sendable, Equatable, CustomStringConvertible {
  public var crate: String
  public var version: String
  /// Else the registry does not list it any more.
  public var isYanked: Bool

  public init(crate: String, version: String, isYanked: Bool) {
    self.crate = crate
    self.version = version
    self.isYanked = isYanked
  }

  public var description: String {
    isYanked
      ? "\(crate) \(version) is yanked, and not built before it is unyanked"
      : "\(crate) \(version) is not in the registry any more, and not built before it is there again"
  }
}

extension PostgresConnection {
  /// The version's standing does not change before the transaction ends.
  func checkIsOffered(job: Int64) throws {
    if let obstacle = try run(OperationStatements.NotOffered(job: job)).first { throw obstacle }
  }
}

enum OperationStatements {
  static let all: [any Statement.Type] = [
    Retry.self, Rebuild.self, Cancel.self, BuiltBefore.self, NotOffered.self,
  ]

  /// A row where a job's version is not offered.
  struct NotOffered: Statement {
    static let sql = """
      WITH standing AS (
        SELECT c.name, v.version, v.yanked, v.deleted_at
        FROM jobs j JOIN versions v ON v.id = j.version_id JOIN crates c ON c.id = v.crate_id
        WHERE j.id = $1 FOR SHARE OF v
      )
      SELECT name, version, yanked FROM standing WHERE yanked OR deleted_at IS NOT NULL
      """
    let parameters: [PostgresValue]
    init(job: Int64) { parameters = [.int(job)] }
    func decode(_ row: PostgresRow) throws -> VersionNotOffered {
      VersionNotOffered(
        crate: try row.text("name"), version: try row.text("version"),
        isYanked: try row.bool("yanked"))
    }
  }

  private static func decode(_ row: PostgresRow) throws -> OperatedJob {
    OperatedJob(
      id: Int64(try row.int("id")), state: try jobState(row, "state"),
      isCancelRequested: try row.bool("cancel_requested"))
  }

  struct Retry: Statement {
    static let sql = """
      UPDATE jobs SET state = 'pending', dropped = false, withdrawn = false, asked = true, retries_left = 5,
        hold = NULL,
        not_before = NULL, avoid = '{}', forgiven_attempt = attempt, failure_class = NULL, failure_message = NULL,
        finalized_at = NULL, updated_at = clock_timestamp()
      WHERE id = $1 AND (state IN ('failed', 'cancelled') OR hold IS NOT NULL)
      RETURNING id, state, cancel_requested, requirement_id
      """
    let parameters: [PostgresValue]
    init(job: Int64) { parameters = [.int(job)] }
    func decode(_ row: PostgresRow) throws -> (OperatedJob, requirement: Int64) {
      (try OperationStatements.decode(row), Int64(try row.int("requirement_id")))
    }
  }

  struct Rebuild: Statement {
    static let sql = """
      WITH built AS (
        SELECT j.id, j.target, \(CrateQueries.group) AS name
        FROM jobs j JOIN versions v ON v.id = j.version_id JOIN crates c ON c.id = v.crate_id
        WHERE j.id = $1 AND j.verifies IS NULL
          AND (j.state = 'succeeded' OR (j.state IN ('failed', 'pending') AND j.only_check))
        FOR UPDATE OF j
      ), \(Turns.next(jobClass: "2", of: "built"))
      UPDATE jobs j SET state = 'pending', class = 2, only_check = false, retries_left = 5,
        forgiven_attempt = j.attempt, failure_class = NULL, failure_message = NULL, avoid = '{}',
        hold = NULL, not_before = NULL, rank = turn.last_rank, finalized_at = NULL, updated_at = clock_timestamp()
      FROM built, turn WHERE j.id = built.id
      RETURNING j.id, j.state, j.cancel_requested, j.requirement_id
      """
    let parameters: [PostgresValue]
    init(job: Int64) { parameters = [.int(job)] }
    func decode(_ row: PostgresRow) throws -> (OperatedJob, requirement: Int64) {
      (try OperationStatements.decode(row), Int64(try row.int("requirement_id")))
    }
  }

  struct Cancel: Statement {
    static let sql = """
      UPDATE jobs SET
        state = CASE WHEN state <> 'pending' THEN state WHEN only_check THEN 'succeeded' ELSE 'cancelled' END,
        only_check = only_check AND state <> 'pending',
        failure_class = CASE WHEN NOT only_check THEN failure_class END,
        failure_message = CASE WHEN NOT only_check THEN failure_message END,
        finalized_at = CASE WHEN state = 'pending' THEN clock_timestamp() END,
        hold = NULL, not_before = NULL, cancel_requested = state = 'leased', withdrawn = false,
        updated_at = clock_timestamp()
      WHERE id = $1 AND state IN ('pending', 'leased')
      RETURNING id, state, cancel_requested
      """
    let parameters: [PostgresValue]
    init(job: Int64) { parameters = [.int(job)] }
    func decode(_ row: PostgresRow) throws -> OperatedJob { try OperationStatements.decode(row) }
  }

  struct BuiltBefore: Statement {
    static let sql = """
      SELECT j.id FROM jobs j JOIN builds b ON b.id = j.build_id
      WHERE (j.state = 'succeeded' OR (j.only_check AND j.state IN ('failed', 'pending')))
        AND j.verifies IS NULL
        AND (regexp_match(b.toolchain, '^rustc ([0-9]{1,6})\\.([0-9]{1,6})\\.([0-9]{1,6})'))::int[]
            < ARRAY[$1::int, $2::int, $3::int]
      ORDER BY j.id LIMIT $4
      """
    let parameters: [PostgresValue]
    init(_ version: (Int, Int, Int), limit: Int) {
      parameters = [.int(version.0), .int(version.1), .int(version.2), .int(limit)]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
  }
}
