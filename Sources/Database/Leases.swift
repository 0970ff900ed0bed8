public import ExecutorKit
public import FarmModel
import Foundation
import Postgres
import Scheduling

/// A lease that is still held.
public struct HeldLease: Sendable, Equatable {
  public var job: Int64
  public var attempt: Int32
  public var cancelRequested: Bool
  /// The last stored piece of the attempt's log; 0: none.
  public var lastSequence: Int
}

/// A job that was given back because its lease ran out.
public struct ExpiredLease: Sendable, Equatable {
  public var job: Int64
  public var attempt: Int32
  public var builder: Int64
}

extension FarmDatabase {
  /// Renews a builder's leases under their fences, all in one statement. A lease that expired, but
  /// whose job nobody has claimed since, is revived, and neither the job nor the builder is charged with it
  /// any more; a pause of the builder that has begun goes on.
  ///
  /// - Parameter session: of the builder that asks: one that is not its newest renews nothing. 0: it is
  ///   not asked.
  /// - Returns: those that are held; every other one is lost.
  public func renew(
    builder: Int64, session: Int64 = 0, attempts: [(job: Int64, attempt: Int32)]
  ) async throws -> [HeldLease] {
    guard !attempts.isEmpty else { return [] }
    do {
      return try await renewInSession(builder, session, attempts)
    } catch is OlderSession {
      return []
    }
  }

  /// Another session of the builder has begun while this one waited.
  private struct OlderSession: Error {}

  private func renewInSession(
    _ builder: Int64, _ session: Int64, _ attempts: [(job: Int64, attempt: Int32)]
  ) async throws -> [HeldLease] {
    try await pool.transaction { connection in
      let held = try connection.run(
        LeaseStatements.Renew(
          builder: builder, session: session, attempts: attempts, seconds: terms.leaseSeconds))
      // That statement saw the session as it was before it waited for the jobs.
      if session != 0, !held.isEmpty,
        try connection.run(LeaseStatements.Session(builder: builder)) != [session]
      {
        throw OlderSession()
      }
      try connection.run(LeaseStatements.Revive(held: held.map(\.lease)))
      let forgiven = held.filter(\.wasCharged).map(\.lease.job)
      if !forgiven.isEmpty {
        try connection.run(LeaseStatements.Forgive(builder: builder, jobs: forgiven))
      }
      return held.map(\.lease)
    }
  }

  /// Ends a failed attempt and decides what becomes of its job.
  ///
  /// - Returns: nil when the lease is another's (`stale`).
  public func fail(
    builder: Int64, job: Int64, attempt: Int32, failure: ExecutorFailure
  ) async throws -> JobState? {
    try await pool.transaction { connection in
      guard
        let current = try connection.run(
          LeaseStatements.Lock(job: job, attempt: attempt, builder: builder)
        ).first
      else { return nil }
      guard current.isHeld else { return current.ended }
      return try settle(
        current, job: job, attempt: attempt, builder: builder, failure: failure, on: connection)
    }
  }

  /// Gives jobs back whose builder could not be told that it has them, uncharged: neither a retry nor the
  /// builder's record suffers. Where the builder has heard of them all the same, it may revive its leases
  /// as long as nobody else has claimed the jobs.
  public func giveBack(builder: Int64, attempts: [(job: Int64, attempt: Int32)]) async throws {
    guard !attempts.isEmpty else { return }
    try await pool.transaction {
      try $0.giveBack(attempts, of: builder, because: "the builder could not be told of it")
    }
  }

  /// Takes from a builder what it does not work on any more: a session that has just begun has named all
  /// that it does. What had not begun is given back uncharged, everything else as a lost lease at once.
  ///
  /// A job that was given to this builder and never begun twice in a row is charged as well: else a
  /// program that dies of a job would be given it for ever.
  ///
  /// - Parameters:
  ///   - session: the builder's newest; where it is not, nothing happens.
  ///   - kept: what the builder goes on with.
  /// - Returns: what was taken; nil: another session is newer.
  public func forsake(
    builder: Int64, session: Int64, keeping kept: [(job: Int64, attempt: Int32)]
  ) async throws -> [AttemptNumber]? {
    try await pool.transaction { connection in
      let kept = Set(kept.map { AttemptNumber(job: $0.job, attempt: $0.attempt) })
      // Jobs before builders, as whoever ends an attempt locks them.
      let left = try connection.run(LeaseStatements.OfBuilder(builder: builder))
        .filter { !kept.contains($0.number) }
      guard try connection.run(LeaseStatements.LockSession(builder: builder)) == [session] else {
        return nil
      }
      try connection.giveBack(
        left.filter { !$0.isCharged }.map { ($0.job, $0.attempt) }, of: builder,
        because: "the builder came back and had not begun with it")
      for lease in left where lease.isCharged {
        guard
          let current = try connection.run(
            LeaseStatements.Lock(job: lease.job, attempt: lease.attempt, builder: builder)
          ).first
        else { continue }
        let failure = ExecutorFailure(
          .leaseLost, "the builder came back and did not work on it any more")
        _ = try settle(
          current, job: lease.job, attempt: lease.attempt, builder: builder, failure: failure,
          on: connection)
      }
      return left.map(\.number)
    }
  }

  /// Gives jobs back whose lease has run out, at most `limit` at once.
  ///
  /// - Parameter time: the leases that had run out then; nil: until now. Where the database stands still
  ///   before it does this, those that ran out meanwhile are left.
  public func expireLeases(before time: DatabaseTime? = nil, limit: Int = 100) async throws
    -> [ExpiredLease]
  {
    try await pool.transaction { connection in
      let expired = try connection.run(LeaseStatements.Expired(before: time, limit: limit))
      for lease in expired {
        guard
          let current = try connection.run(
            LeaseStatements.Lock(job: lease.job, attempt: lease.attempt, builder: lease.builder)
          ).first
        else { continue }
        let failure = ExecutorFailure(
          .leaseLost, "the builder was not heard of for \(terms.leaseSeconds) s")
        _ = try settle(
          current, job: lease.job, attempt: lease.attempt, builder: lease.builder, failure: failure,
          on: connection)
      }
      return expired
    }
  }
}

/// One try at a job.
public struct AttemptNumber: Sendable, Hashable {
  public var job: Int64
  public var attempt: Int32

  public init(job: Int64, attempt: Int32) {
    self.job = job
    self.attempt = attempt
  }
}

extension PostgresConnection {
  /// Gives jobs back uncharged that this builder holds, and wakes others, in a transaction of the caller's.
  func giveBack(
    _ attempts: [(job: Int64, attempt: Int32)], of builder: Int64, because reason: String
  ) throws {
    guard !attempts.isEmpty else { return }
    try wake(
      Set(
        try run(
          LeaseStatements.GiveBack(builder: builder, attempts: attempts, reason: reason))))
  }
}

enum LeaseStatements {
  static let all: [any Statement.Type] = [
    Renew.self, Revive.self, Forgive.self, Lock.self, GiveBack.self, OfBuilder.self,
    LockSession.self, Session.self,
    Expired.self, EndAttempt.self, EndJob.self,
  ]

  /// Whether a job waits because its lease was lost, and a try was taken from it for that. What was only
  /// given back says nothing of a failure.
  static let wasCharged =
    "(j.state = 'pending' AND j.failure_class IS NOT DISTINCT FROM 'lease-lost' AND j.retries_left < 5)"

  /// Whether what an attempt was given is what the job wants by now.
  static let isOfThePlan =
    """
    (a.plan_digest = j.plan_digest AND a.checks_digest IS NOT DISTINCT FROM j.checks_digest
     AND a.is_check = j.only_check)
    """

  /// Whether a job that an operator cancels is as it was before: what it was to check stays published.
  static let staysPublished = "(j.only_check AND NOT j.withdrawn)"

  struct Renew: Statement {
    static let sql = """
      WITH held AS (
        -- Both rows are locked before they are judged: an end that is being recorded counts.
        SELECT j.id, \(wasCharged) AS was_charged
        FROM unnest($2::bigint[], $3::int[]) AS r (job, attempt)
        JOIN jobs j ON j.id = r.job AND j.attempt = r.attempt
        JOIN attempts a ON a.job_id = r.job AND a.attempt = r.attempt
        WHERE a.builder_id = $1
          AND EXISTS (SELECT FROM builders b
                      WHERE b.id = $1 AND b.state <> 'disabled' AND $5::bigint IN (0, b.session))
          AND ((j.state = 'leased' AND j.builder_id = $1)
               OR (j.state = 'pending' AND a.failure_class = 'lease-lost' AND \(isOfThePlan)))
        ORDER BY j.id FOR UPDATE OF j, a
      )
      UPDATE jobs j SET state = 'leased', builder_id = $1,
        lease_expires_at = clock_timestamp() + make_interval(secs => $4), not_before = NULL,
        hold = NULL, failure_class = NULL, failure_message = NULL,
        retries_left = j.retries_left + held.was_charged::int,
        avoid = CASE WHEN held.was_charged THEN array_remove(j.avoid, $1) ELSE j.avoid END
      FROM held WHERE j.id = held.id
      RETURNING j.id, j.attempt, j.cancel_requested, held.was_charged,
        coalesce((SELECT max(sequence) FROM log_chunks l
                  WHERE l.job_id = j.id AND l.attempt = j.attempt), 0) AS last_sequence
      """
    let parameters: [PostgresValue]
    init(
      builder: Int64, session: Int64, attempts: [(job: Int64, attempt: Int32)], seconds: Int
    ) {
      parameters = [
        .int(builder), .intArray(attempts.map(\.job)),
        .intArray(attempts.map { Int64($0.attempt) }), .double(Double(seconds)), .int(session),
      ]
    }
    func decode(_ row: PostgresRow) throws -> (lease: HeldLease, wasCharged: Bool) {
      let lease = HeldLease(
        job: Int64(try row.int("id")), attempt: Int32(try row.int("attempt")),
        cancelRequested: try row.bool("cancel_requested"),
        lastSequence: try row.int("last_sequence"))
      return (lease, try row.bool("was_charged"))
    }
  }

  /// Opens the attempts again that had been ended as `lease-lost`.
  struct Revive: Statement {
    static let sql = """
      UPDATE attempts a SET finished_at = NULL, result = NULL, failure_class = NULL,
        failure_message = NULL
      FROM unnest($1::bigint[], $2::int[]) AS r (job, attempt)
      WHERE a.job_id = r.job AND a.attempt = r.attempt AND a.finished_at IS NOT NULL
      """
    let parameters: [PostgresValue]
    init(held: [HeldLease]) {
      parameters = [.intArray(held.map(\.job)), .intArray(held.map { Int64($0.attempt) })]
    }
  }

  /// Takes the crates of jobs off a builder's record.
  struct Forgive: Statement {
    static let sql = """
      UPDATE builders b SET failed_crates = ARRAY(
        SELECT f.crate FROM unnest(b.failed_crates) WITH ORDINALITY AS f (crate, place)
        WHERE f.crate NOT IN (SELECT v.crate_id FROM jobs j JOIN versions v ON v.id = j.version_id
                              WHERE j.id = ANY ($2::bigint[]))
        ORDER BY f.place)
      WHERE b.id = $1 AND b.failed_crates <> '{}'
      """
    let parameters: [PostgresValue]
    init(builder: Int64, jobs: [Int64]) { parameters = [.int(builder), .intArray(jobs)] }
  }

  /// Locks a job for the end of an attempt; no row: the attempt was never this builder's.
  struct Lock: Statement {
    struct Row: Sendable {
      /// Whether the attempt may still decide about the job.
      let isHeld: Bool
      /// Where the job went when this very attempt has already ended it.
      let ended: JobState?
      let target: String
      let requirementID: Int64
      let crateID: Int64
      let planDigest: String
      let forgivenAttempt: Int32
      let retriesLeft: Int
      let limitsDoubled: Bool
      let cancelRequested: Bool
      let alreadySucceeded: Bool
    }
    static let sql = """
      SELECT j.state, j.attempt, j.target, j.requirement_id, j.plan_digest,
             -- An end that is told after all takes the place of the lost lease.
             j.retries_left + (j.attempt = a.attempt AND \(wasCharged))::int AS retries_left,
             j.forgiven_attempt, v.crate_id, j.limits_doubled, j.cancel_requested, a.result, a.failure_class,
             (j.attempt = a.attempt
              AND EXISTS (SELECT FROM builders b WHERE b.id = $3 AND b.state <> 'disabled')
              AND ((j.state = 'leased' AND j.builder_id = $3)
                   OR (j.state = 'pending' AND a.failure_class IS NOT DISTINCT FROM 'lease-lost'
                       AND \(isOfThePlan)))) AS held
      FROM jobs j JOIN attempts a ON a.job_id = j.id AND a.attempt = $2 AND a.builder_id = $3
      JOIN versions v ON v.id = j.version_id
      WHERE j.id = $1 FOR UPDATE OF j, a
      """
    let parameters: [PostgresValue]
    init(job: Int64, attempt: Int32, builder: Int64) {
      parameters = [.int(job), .int(Int64(attempt)), .int(builder)]
    }
    func decode(_ row: PostgresRow) throws -> Row {
      let result = try row.optionalText("result")
      let lost = try row.optionalText("failure_class") == FailureClass.leaseLost.rawValue
      return Row(
        isHeld: try row.bool("held"),
        ended: result != nil && !lost ? JobState(rawValue: try row.text("state")) : nil,
        target: try row.text("target"), requirementID: Int64(try row.int("requirement_id")),
        crateID: Int64(try row.int("crate_id")), planDigest: try row.text("plan_digest"),
        forgivenAttempt: Int32(try row.int("forgiven_attempt")),
        retriesLeft: try row.int("retries_left"),
        limitsDoubled: try row.bool("limits_doubled"),
        cancelRequested: try row.bool("cancel_requested"), alreadySucceeded: result == "succeeded")
    }
  }

  struct GiveBack: Statement {
    static let sql = """
      WITH held AS MATERIALIZED (
        SELECT j.id, j.attempt FROM jobs j
        JOIN unnest($2::bigint[], $3::int[]) AS g (job, attempt)
          ON g.job = j.id AND g.attempt = j.attempt
        WHERE j.state = 'leased' AND j.builder_id = $1 ORDER BY j.id FOR UPDATE OF j
      ), ended AS (
        UPDATE attempts a SET finished_at = clock_timestamp(), result = 'failed',
          failure_class = 'lease-lost', failure_message = $4
        FROM held h WHERE a.job_id = h.id AND a.attempt = h.attempt
      )
      UPDATE jobs j SET state = CASE WHEN NOT j.cancel_requested THEN 'pending'
                                     WHEN \(staysPublished) THEN 'succeeded' ELSE 'cancelled' END,
        only_check = j.only_check AND NOT (j.cancel_requested AND \(staysPublished)),
        finalized_at = CASE WHEN j.cancel_requested THEN clock_timestamp() END,
        builder_id = NULL, lease_expires_at = NULL, cancel_requested = false,
        updated_at = clock_timestamp()
      FROM held h WHERE j.id = h.id
      RETURNING j.requirement_id
      """
    let parameters: [PostgresValue]
    init(builder: Int64, attempts: [(job: Int64, attempt: Int32)], reason: String) {
      parameters = [
        .int(builder), .intArray(attempts.map(\.job)),
        .intArray(attempts.map { Int64($0.attempt) }), .text(reason),
      ]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("requirement_id")) }
  }

  /// Locks all that a builder holds.
  struct OfBuilder: Statement {
    struct Row: Sendable {
      let job: Int64
      let attempt: Int32
      /// Whether it has begun, or was not begun for the second time in a row.
      let isCharged: Bool

      var number: AttemptNumber { AttemptNumber(job: job, attempt: attempt) }
    }
    static let sql = """
      SELECT j.id, j.attempt,
        (EXISTS (SELECT FROM attempts a
                 WHERE a.job_id = j.id AND a.attempt = j.attempt AND a.stage IS NOT NULL)
         OR EXISTS (SELECT FROM log_chunks l WHERE l.job_id = j.id AND l.attempt = j.attempt)
         OR EXISTS (SELECT FROM uploads u WHERE u.job_id = j.id AND u.attempt = j.attempt)
         OR EXISTS (SELECT FROM attempts p
                    WHERE p.job_id = j.id AND p.attempt = j.attempt - 1 AND p.builder_id = $1
                      AND p.failure_class = 'lease-lost')) AS charged
      FROM jobs j WHERE j.builder_id = $1 AND j.state = 'leased' ORDER BY j.id FOR UPDATE OF j
      """
    let parameters: [PostgresValue]
    init(builder: Int64) { parameters = [.int(builder)] }
    func decode(_ row: PostgresRow) throws -> Row {
      Row(
        job: Int64(try row.int("id")), attempt: Int32(try row.int("attempt")),
        isCharged: try row.bool("charged"))
    }
  }

  /// The number of a builder's newest session; no newer one begins before the transaction ends.
  struct LockSession: Statement {
    static let sql = "SELECT session FROM builders WHERE id = $1 FOR NO KEY UPDATE"
    let parameters: [PostgresValue]
    init(builder: Int64) { parameters = [.int(builder)] }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("session")) }
  }

  struct Session: Statement {
    static let sql = "SELECT session FROM builders WHERE id = $1"
    let parameters: [PostgresValue]
    init(builder: Int64) { parameters = [.int(builder)] }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("session")) }
  }

  struct Expired: Statement {
    static let sql = """
      SELECT id, attempt, builder_id FROM jobs
      WHERE state = 'leased' AND lease_expires_at < coalesce($2::timestamptz, clock_timestamp())
      ORDER BY lease_expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
      """
    let parameters: [PostgresValue]
    init(before time: DatabaseTime?, limit: Int) {
      parameters = [.int(limit), .optional(time?.text)]
    }
    func decode(_ row: PostgresRow) throws -> ExpiredLease {
      ExpiredLease(
        job: Int64(try row.int("id")), attempt: Int32(try row.int("attempt")),
        builder: Int64(try row.int("builder_id")))
    }
  }

  struct EndAttempt: Statement {
    static let sql = """
      UPDATE attempts SET finished_at = clock_timestamp(), result = 'failed', failure_class = $3,
        failure_message = $4
      WHERE job_id = $1 AND attempt = $2
      """
    let parameters: [PostgresValue]
    init(job: Int64, attempt: Int32, failure: ExecutorFailure) {
      parameters = [
        .int(job), .int(Int64(attempt)), .text(failure.failureClass.rawValue),
        .text(storableMessage(failure.message)),
      ]
    }
  }

  /// Takes the lease off a job and puts it where the decision says.
  struct EndJob: Statement {
    static let sql = """
      UPDATE jobs j SET state = CASE WHEN $2 = 'cancelled' AND \(staysPublished) THEN 'succeeded' ELSE $2 END,
        only_check = j.only_check AND NOT ($2 = 'cancelled' AND \(staysPublished)),
        builder_id = NULL, lease_expires_at = NULL,
        cancel_requested = false, retries_left = coalesce($3, retries_left),
        limits_doubled = limits_doubled OR $4, requirement_id = coalesce($5, requirement_id),
        hold = $6,
        not_before = CASE WHEN $6 = 'backoff'
                          THEN clock_timestamp() + make_interval(secs => $7) END,
        avoid = CASE WHEN $2 = 'pending' AND $8::bigint IS NOT NULL
                     THEN array_append(array_remove(avoid, $8), $8) ELSE '{}' END,
        failure_class = CASE WHEN NOT ($2 = 'cancelled' AND \(staysPublished)) THEN $9 END,
        failure_message = CASE WHEN NOT ($2 = 'cancelled' AND \(staysPublished)) THEN $10 END,
        finalized_at = CASE WHEN $2 = 'pending' THEN NULL ELSE clock_timestamp() END,
        updated_at = clock_timestamp()
      WHERE id = $1
      """
    let parameters: [PostgresValue]
    init(job: Int64, settlement: Settlement, failure: ExecutorFailure) {
      parameters = [
        .int(job), .text(settlement.state.rawValue), .optional(settlement.retriesLeft),
        .bool(settlement.doublesLimits), .optional(settlement.requirement),
        .optional(settlement.hold?.rawValue), .double(settlement.pauseSeconds),
        .optional(settlement.avoid), .text(failure.failureClass.rawValue),
        .text(storableMessage(failure.message)),
      ]
    }
  }
}
