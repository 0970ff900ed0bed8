public import ExecutorKit
import FarmModel
import Postgres
import Scheduling

/// An attempt that ended by a fault of the crate itself.
public struct FinalFailure: Sendable, Equatable {
  public var builder: Int64
  public var job: Int64
  public var attempt: Int32
  public var failure: ExecutorFailure

  public init(builder: Int64, job: Int64, attempt: Int32, failure: ExecutorFailure) {
    self.builder = builder
    self.job = job
    self.attempt = attempt
    self.failure = failure
  }
}

/// What became of one, where it was held.
public struct EndedFailure: Sendable, Equatable {
  public var job: Int64
  public var attempt: Int32
  /// Whether the database has pieces of its log or uploads of it.
  public var hasRows: Bool
}

extension FarmDatabase {
  /// Whether a failure ends its job whatever its retries: then it can be recorded with others at once.
  public func isFinal(_ failureClass: FailureClass) -> Bool {
    retryPolicy.decide(failureClass, retriesLeft: 1, limitsWereDoubled: false) == .fail
  }

  /// Ends attempts and their jobs in one statement, where the leases are held and nobody has asked for
  /// their end; the others are left to ``fail(builder:job:attempt:failure:)``.
  public func endFinally(_ failures: [FinalFailure]) async throws -> [EndedFailure] {
    guard !failures.isEmpty else { return [] }
    return try await pool.run(FinalFailureStatements.End(failures))
  }
}

enum FinalFailureStatements {
  static let all: [any Statement.Type] = [End.self]

  struct End: Statement {
    static let sql = """
      WITH given AS (
        SELECT * FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::text[], $5::text[])
          AS g (job, attempt, builder, class, message)
      ), held AS MATERIALIZED (
        SELECT j.id, g.* FROM jobs j JOIN given g
          ON g.job = j.id AND g.attempt = j.attempt AND g.builder = j.builder_id
        WHERE j.state = 'leased' AND NOT j.cancel_requested
          AND EXISTS (SELECT FROM builders b WHERE b.id = g.builder AND b.state <> 'disabled')
        ORDER BY j.id FOR UPDATE OF j
      ), ended AS (
        UPDATE attempts a SET finished_at = clock_timestamp(), result = 'failed',
          failure_class = h.class, failure_message = h.message
        FROM held h WHERE a.job_id = h.job AND a.attempt = h.attempt
        RETURNING a.job_id, a.log_bytes
      ), cleared AS (
        UPDATE builders SET failed_crates = '{}'
        WHERE id IN (SELECT builder FROM held) AND failed_crates <> '{}'
      )
      UPDATE jobs j SET state = 'failed', builder_id = NULL, lease_expires_at = NULL, avoid = '{}',
        failure_class = h.class, failure_message = h.message, finalized_at = clock_timestamp(),
        updated_at = clock_timestamp()
      FROM held h JOIN ended e ON e.job_id = h.job
      WHERE j.id = h.job
      RETURNING j.id, j.attempt, e.log_bytes > 0 OR EXISTS (
        SELECT FROM uploads u WHERE u.job_id = j.id AND u.attempt = j.attempt) AS has_rows
      """
    let parameters: [PostgresValue]
    init(_ failures: [FinalFailure]) {
      parameters = [
        .intArray(failures.map(\.job)), .intArray(failures.map { Int64($0.attempt) }),
        .intArray(failures.map(\.builder)),
        .textArray(failures.map(\.failure.failureClass.rawValue)),
        .textArray(failures.map { storableMessage($0.failure.message) }),
      ]
    }
    func decode(_ row: PostgresRow) throws -> EndedFailure {
      EndedFailure(
        job: Int64(try row.int("id")), attempt: Int32(try row.int("attempt")),
        hasRows: try row.bool("has_rows"))
    }
  }
}
