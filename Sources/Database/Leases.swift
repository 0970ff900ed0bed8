public import ExecutorKit
public import FarmModel
import Foundation
import Postgres
public import Scheduling

/// A job that was just claimed.
public struct ClaimedJob: Sendable, Equatable {
  public var id: Int64
  public var attempt: Int32
  /// With doubled limits where the job asks for them.
  public var plan: Plan
  public var crate: String
  public var version: String
  public var checksum: String
  public var downloadTemplate: String
  /// Whether a published build is built once more, to compare.
  public var isVerification: Bool
}

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
  /// Claims the next job for a builder: one statement, one row locked.
  ///
  /// - Parameters:
  ///   - abilities: what the builder can build, and by which modules.
  ///   - memoryBytes: what the builder has for one slot.
  ///   - tokenHash: SHA-256 of the attempt's upload token, hexadecimal.
  /// - Returns: nil when nothing waits for such a builder.
  public func claim(
    builder: Int64, abilities: [Ability], memoryBytes: Int64, tokenHash: String
  ) async throws -> ClaimedJob? {
    guard !abilities.isEmpty, let size = SizeClass(fittingInto: memoryBytes) else { return nil }
    return try await pool.run(
      LeaseStatements.Claim(
        builder: builder, abilities: abilities, size: size.rawValue, seconds: terms.leaseSeconds,
        tokenHash: tokenHash)
    ).first
  }

  /// Renews a builder's leases under their fences, all in one statement. A lease that expired, but
  /// whose job nobody has claimed since, is revived.
  ///
  /// - Returns: those that are held; every other one is lost.
  public func renew(builder: Int64, attempts: [(job: Int64, attempt: Int32)]) async throws
    -> [HeldLease]
  {
    guard !attempts.isEmpty else { return [] }
    return try await pool.transaction { connection in
      let held = try connection.run(
        LeaseStatements.Renew(builder: builder, attempts: attempts, seconds: terms.leaseSeconds))
      try connection.run(LeaseStatements.Revive(held: held))
      return held
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
      return try settle(current, job: job, attempt: attempt, failure: failure, on: connection)
    }
  }

  /// Gives jobs back whose lease has run out, at most `limit` at once.
  public func expireLeases(limit: Int = 100) async throws -> [ExpiredLease] {
    try await pool.transaction { connection in
      let expired = try connection.run(LeaseStatements.Expired(limit: limit))
      for lease in expired {
        guard
          let current = try connection.run(
            LeaseStatements.Lock(job: lease.job, attempt: lease.attempt, builder: lease.builder)
          ).first
        else { continue }
        let failure = ExecutorFailure(
          .leaseLost, "the builder was not heard of for \(terms.leaseSeconds) s")
        _ = try settle(
          current, job: lease.job, attempt: lease.attempt, failure: failure, on: connection)
      }
      return expired
    }
  }

  private func settle(
    _ current: LeaseStatements.Lock.Row, job: Int64, attempt: Int32, failure: ExecutorFailure,
    on connection: isolated PostgresConnection
  ) throws -> JobState {
    var decision =
      current.cancelRequested
      ? RetryDecision.cancel
      : retryPolicy.decide(
        failure.failureClass, retriesLeft: current.retriesLeft,
        limitsWereDoubled: current.limitsDoubled)
    var failure = failure
    if case .retry(_, _, doublesLimits: true) = decision,
      try connection.run(LeaseStatements.LargerBuilder(current)).isEmpty
    {
      decision = .fail
      failure.message += "; no approved builder has twice the memory for another try"
    }
    try connection.run(
      LeaseStatements.EndAttempt(job: job, attempt: attempt, failure: failure))
    try connection.run(LeaseStatements.EndJob(job: job, decision: decision, failure: failure))
    if case .retry(let pause, _, _) = decision {
      if pause == 0 { try connection.run(JobStatements.Wake(targets: [current.target])) }
      return .pending
    }
    return decision == .cancel ? .cancelled : .failed
  }
}

enum LeaseStatements {
  static let all: [any Statement.Type] = [
    Claim.self, Renew.self, Revive.self, Lock.self, LargerBuilder.self, Expired.self,
    EndAttempt.self, EndJob.self,
  ]

  /// Looks at the first waiting job of each (target, executor, size) by the partial index, and takes
  /// the best, so that its cost grows neither with pending nor with finished jobs. Verifications of
  /// the builder's own work are passed over; they come last in their order and are few.
  struct Claim: Statement {
    static let sql = """
      WITH best AS (
        SELECT first.id
        FROM unnest($1::text[], $6::text[]) AS t (target, executor)
        CROSS JOIN generate_series(0, $2::int) AS s (size)
        CROSS JOIN LATERAL (
          SELECT j.id, j.class, j.rank FROM jobs j
          WHERE j.state = 'pending' AND j.target = t.target AND j.executor = t.executor
            AND j.size_class = s.size AND j.other_than IS DISTINCT FROM $3
            AND (j.not_before IS NULL OR j.not_before <= clock_timestamp())
          ORDER BY j.class, j.rank, j.id LIMIT 1 FOR UPDATE SKIP LOCKED
        ) AS first
        WHERE (SELECT b.state = 'approved' AND NOT b.draining FROM builders b WHERE b.id = $3)
        ORDER BY first.class, first.rank, first.id LIMIT 1
      ), claimed AS (
        UPDATE jobs j SET state = 'leased', attempt = j.attempt + 1, builder_id = $3,
          lease_expires_at = clock_timestamp() + make_interval(secs => $4), not_before = NULL,
          failure_class = NULL, failure_message = NULL, updated_at = clock_timestamp()
        FROM best WHERE j.id = best.id
        RETURNING j.*
      ), begun AS (
        INSERT INTO attempts (job_id, attempt, builder_id, plan_digest, upload_token_hash)
        SELECT id, attempt, $3, plan_digest, $5 FROM claimed
      ), clock AS (
        UPDATE rank_clocks c SET now = claimed.rank FROM claimed
        WHERE c.class = claimed.class AND c.now < claimed.rank
      )
      SELECT claimed.id, claimed.attempt, claimed.plan::text AS plan, claimed.limits_doubled,
             claimed.verifies IS NOT NULL AS is_verification,
             c.name, v.version, v.checksum, r.download_template
      FROM claimed JOIN versions v ON v.id = claimed.version_id
      JOIN crates c ON c.id = v.crate_id JOIN registries r ON r.id = c.registry_id
      """
    let parameters: [PostgresValue]
    init(builder: Int64, abilities: [Ability], size: Int, seconds: Int, tokenHash: String) {
      parameters = [
        .textArray(abilities.map(\.triple)), .int(size), .int(builder), .double(Double(seconds)),
        .text(tokenHash), .textArray(abilities.map(\.executor)),
      ]
    }
    func decode(_ row: PostgresRow) throws -> ClaimedJob {
      var plan = try JSONDecoder().decode(Plan.self, from: Data(try row.text("plan").utf8))
      if try row.bool("limits_doubled") { plan.limits = plan.limits.doubled }
      return ClaimedJob(
        id: Int64(try row.int("id")), attempt: Int32(try row.int("attempt")), plan: plan,
        crate: try row.text("name"), version: try row.text("version"),
        checksum: try row.text("checksum"), downloadTemplate: try row.text("download_template"),
        isVerification: try row.bool("is_verification"))
    }
  }

  struct Renew: Statement {
    static let sql = """
      UPDATE jobs j SET state = 'leased', builder_id = $1,
        lease_expires_at = clock_timestamp() + make_interval(secs => $4), not_before = NULL,
        failure_class = NULL, failure_message = NULL
      FROM unnest($2::bigint[], $3::int[]) AS r (job, attempt), attempts a
      WHERE j.id = r.job AND j.attempt = r.attempt AND a.job_id = r.job AND a.attempt = r.attempt
        AND a.builder_id = $1
        AND ((j.state = 'leased' AND j.builder_id = $1)
             OR (j.state = 'pending' AND a.failure_class = 'lease-lost'
                 AND a.plan_digest = j.plan_digest))
      RETURNING j.id, j.attempt, j.cancel_requested,
        coalesce((SELECT max(sequence) FROM log_chunks l
                  WHERE l.job_id = j.id AND l.attempt = j.attempt), 0) AS last_sequence
      """
    let parameters: [PostgresValue]
    init(builder: Int64, attempts: [(job: Int64, attempt: Int32)], seconds: Int) {
      parameters = [
        .int(builder), .intArray(attempts.map(\.job)),
        .intArray(attempts.map { Int64($0.attempt) }), .double(Double(seconds)),
      ]
    }
    func decode(_ row: PostgresRow) throws -> HeldLease {
      HeldLease(
        job: Int64(try row.int("id")), attempt: Int32(try row.int("attempt")),
        cancelRequested: try row.bool("cancel_requested"),
        lastSequence: try row.int("last_sequence"))
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

  /// Locks a job for the end of an attempt; no row: the attempt was never this builder's.
  struct Lock: Statement {
    struct Row: Sendable {
      /// Whether the attempt may still decide about the job.
      let isHeld: Bool
      /// Where the job went when this very attempt has already ended it.
      let ended: JobState?
      let target: String
      let executor: String?
      let sizeClass: Int
      let versionID: Int64
      let planDigest: String
      let retriesLeft: Int
      let limitsDoubled: Bool
      let cancelRequested: Bool
      let alreadySucceeded: Bool
    }
    static let sql = """
      SELECT j.state, j.attempt, j.target, j.executor, j.size_class, j.version_id, j.plan_digest, j.retries_left,
             j.limits_doubled, j.cancel_requested, a.result, a.failure_class,
             (j.attempt = a.attempt
              AND ((j.state = 'leased' AND j.builder_id = $3)
                   OR (j.state = 'pending' AND a.failure_class IS NOT DISTINCT FROM 'lease-lost'
                       AND a.plan_digest = j.plan_digest))) AS held
      FROM jobs j JOIN attempts a ON a.job_id = j.id AND a.attempt = $2 AND a.builder_id = $3
      WHERE j.id = $1 FOR UPDATE
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
        target: try row.text("target"), executor: try row.optionalText("executor"),
        sizeClass: try row.int("size_class"),
        versionID: Int64(try row.int("version_id")),
        planDigest: try row.text("plan_digest"), retriesLeft: try row.int("retries_left"),
        limitsDoubled: try row.bool("limits_doubled"),
        cancelRequested: try row.bool("cancel_requested"), alreadySucceeded: result == "succeeded")
    }
  }

  /// A row where a builder has, for one slot, the memory of the next size class, and the job's module
  /// for the target.
  struct LargerBuilder: Statement {
    static let sql = """
      SELECT 1 AS found FROM builders b
      WHERE b.state = 'approved'
        AND (b.capabilities ->> 'memory_bytes')::numeric
            / greatest((b.capabilities ->> 'slots')::int, 1) >= $1::bigint
        AND b.capabilities -> 'targets' @> jsonb_build_array(
              jsonb_build_object('triple', $2::text, 'module', $3::text))
      LIMIT 1
      """
    let parameters: [PostgresValue]
    init(_ job: Lock.Row) {
      parameters = [
        .int(Int64(1) << (30 + min(job.sizeClass + 1, 10))), .text(job.target),
        .optional(job.executor),
      ]
    }
    func decode(_ row: PostgresRow) throws -> Int { try row.int("found") }
  }

  struct Expired: Statement {
    static let sql = """
      SELECT id, attempt, builder_id FROM jobs
      WHERE state = 'leased' AND lease_expires_at < clock_timestamp()
      ORDER BY lease_expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
      """
    let parameters: [PostgresValue]
    init(limit: Int) { parameters = [.int(limit)] }
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
        .text(storable(failure.message)),
      ]
    }
  }

  struct EndJob: Statement {
    static let sql = """
      UPDATE jobs SET state = $2, builder_id = NULL, lease_expires_at = NULL,
        cancel_requested = false, retries_left = coalesce($3, retries_left),
        limits_doubled = limits_doubled OR $4,
        size_class = CASE WHEN $4 THEN least(size_class + 1, 10) ELSE size_class END,
        not_before = CASE WHEN $2 = 'pending'
                          THEN clock_timestamp() + make_interval(secs => $5) END,
        failure_class = $6, failure_message = $7,
        finalized_at = CASE WHEN $2 = 'pending' THEN NULL ELSE clock_timestamp() END,
        updated_at = clock_timestamp()
      WHERE id = $1
      """
    let parameters: [PostgresValue]
    init(job: Int64, decision: RetryDecision, failure: ExecutorFailure) {
      var state = JobState.failed
      var retriesLeft: Int?
      var doubles = false
      var pause = 0.0
      switch decision {
      case .retry(let seconds, let left, let doublesLimits):
        (state, retriesLeft, doubles, pause) = (.pending, left, doublesLimits, seconds)
      case .cancel: state = .cancelled
      case .fail: break
      }
      parameters = [
        .int(job), .text(state.rawValue), .optional(retriesLeft), .bool(doubles), .double(pause),
        .text(failure.failureClass.rawValue), .text(storable(failure.message)),
      ]
    }
  }
}
