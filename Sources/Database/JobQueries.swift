public import FarmModel
public import Foundation
import Postgres

/// A job with what its page shows.
public struct StoredJob: Sendable, Equatable {
  public var id: Int64
  public var crate: String
  public var version: String
  public var target: String
  public var state: JobState
  public var jobClass: JobClass
  public var planDigest: String
  /// The plan as JSON.
  public var plan: String
  public var attempt: Int32
  public var retriesLeft: Int
  public var notBefore: Date?
  /// Why it is not to be claimed; nil: it may be, or it is not pending.
  public var hold: JobHold?
  public var requirementID: Int64
  public var failureClass: String?
  public var failureMessage: String?
  public var buildID: Int64?
  /// The build that is built once more, to compare; nil for a job that publishes.
  public var verifies: Int64?
  /// Whether all that is wanted of it is that the served build is checked.
  public var isOnlyCheck: Bool
  /// Builders that it is not given to: it failed there for want of infrastructure, or is the second opinion
  /// on what they built.
  public var avoids: [Int64]
  public var createdAt: Date
  public var finalizedAt: Date?
  /// How many jobs are taken before it for the same target, at most ``furthestPosition``; nil where it
  /// does not wait, or is held.
  public var position: Int?

  /// Nobody counts further.
  public static let furthestPosition = 100_000
}

/// One try at a job.
public struct StoredAttempt: Sendable, Equatable {
  public var attempt: Int32
  public var builder: String
  public var stage: String?
  public var startedAt: Date
  public var finishedAt: Date?
  public var result: String?
  public var failureClass: String?
  public var failureMessage: String?
  public var logSHA256: String?
  public var logBytes: Int64
}

/// How many jobs of a target are in a state.
public struct QueueCount: Sendable, Equatable {
  public var target: String
  public var state: JobState
  public var count: Int
}

extension FarmDatabase {
  public func job(_ id: Int64) async throws -> StoredJob? {
    try await pool.run(JobQueries.Job(id: id)).first
  }

  /// A job's attempts, the first one first.
  public func attempts(ofJob id: Int64) async throws -> [StoredAttempt] {
    try await pool.run(JobQueries.Attempts(job: id))
  }

  /// Jobs by target and state.
  public func queueCounts() async throws -> [QueueCount] {
    try await pool.run(JobQueries.Counts())
  }

  /// The numbers of running and waiting jobs, in the order in which they are taken, the held ones last;
  /// or the latest jobs of other states.
  ///
  /// - Parameters:
  ///   - states: only these.
  ///   - crate: only of this crate; nil: of all.
  public func queuedJobs(
    limit: Int, states: [JobState] = [.pending, .leased], target: String? = nil,
    crate: String? = nil
  ) async throws -> [Int64] {
    if crate == nil, Set(states) == [.pending, .leased] {
      return try await pool.run(JobQueries.Heads(limit: limit, target: target))
    }
    return try await pool.run(
      JobQueries.Queue(limit: limit, states: states, target: target, crate: crate))
  }

  /// How much there is; reads whole tables.
  public func totals() async throws -> FarmTotals {
    try await pool.run(JobQueries.Totals()).first ?? FarmTotals()
  }
}

/// Numbers of crates, versions with a binary, builds and artifact bytes.
public struct FarmTotals: Sendable, Equatable {
  public var crates = 0
  public var versions = 0
  public var builds = 0
  public var artifactBytes = 0
}

enum JobQueries {
  static let all: [any Statement.Type] = [
    Job.self, Attempts.self, Counts.self, Heads.self, Queue.self, Totals.self,
  ]

  struct Job: Statement {
    static let sql = """
      SELECT j.id, c.name, v.version, j.target, j.state, j.class, j.plan_digest,
        j.plan::text AS plan, j.attempt, j.retries_left, j.not_before, j.hold, j.requirement_id,
        j.failure_class,
        j.failure_message, j.build_id, j.verifies, j.only_check, j.created_at, j.finalized_at,
        array_remove(array_append(j.avoid, j.other_than), NULL) AS avoids,
        CASE WHEN j.state = 'pending' AND j.hold IS NULL THEN
          (SELECT count(*) FROM (
             SELECT FROM requirements r JOIN jobs b ON b.requirement_id = r.id
             WHERE r.target = j.target AND b.state = 'pending' AND b.hold IS NULL
               AND (b.class, b.rank, b.id) < (j.class, j.rank, j.id)
             LIMIT \(StoredJob.furthestPosition)) AS before) END AS position
      FROM jobs j JOIN versions v ON v.id = j.version_id JOIN crates c ON c.id = v.crate_id
      WHERE j.id = $1
      """
    let parameters: [PostgresValue]
    init(id: Int64) { parameters = [.int(id)] }
    func decode(_ row: PostgresRow) throws -> StoredJob {
      StoredJob(
        id: Int64(try row.int("id")), crate: try row.text("name"), version: try row.text("version"),
        target: try row.text("target"), state: try jobState(row, "state"),
        jobClass: JobClass(rawValue: try row.int("class")) ?? .backfill,
        planDigest: try row.text("plan_digest"), plan: try row.text("plan"),
        attempt: Int32(try row.int("attempt")), retriesLeft: try row.int("retries_left"),
        notBefore: try row.optionalDate("not_before"),
        hold: try row.optionalText("hold").flatMap(JobHold.init(rawValue:)),
        requirementID: Int64(try row.int("requirement_id")),
        failureClass: try row.optionalText("failure_class"),
        failureMessage: try row.optionalText("failure_message"),
        buildID: try row.optionalInt("build_id").map(Int64.init),
        verifies: try row.optionalInt("verifies").map(Int64.init),
        isOnlyCheck: try row.bool("only_check"),
        avoids: try row.intArray("avoids").map(Int64.init),
        createdAt: try row.date("created_at"), finalizedAt: try row.optionalDate("finalized_at"),
        position: try row.optionalInt("position"))
    }
  }

  struct Attempts: Statement {
    static let sql = """
      SELECT a.attempt, b.name, a.stage, a.started_at, a.finished_at, a.result, a.failure_class,
             a.failure_message, a.log_sha256, a.log_bytes
      FROM attempts a JOIN builders b ON b.id = a.builder_id
      WHERE a.job_id = $1 ORDER BY a.attempt
      """
    let parameters: [PostgresValue]
    init(job: Int64) { parameters = [.int(job)] }
    func decode(_ row: PostgresRow) throws -> StoredAttempt {
      StoredAttempt(
        attempt: Int32(try row.int("attempt")), builder: try row.text("name"),
        stage: try row.optionalText("stage"), startedAt: try row.date("started_at"),
        finishedAt: try row.optionalDate("finished_at"), result: try row.optionalText("result"),
        failureClass: try row.optionalText("failure_class"),
        failureMessage: try row.optionalText("failure_message"),
        logSHA256: try row.optionalText("log_sha256"), logBytes: Int64(try row.int("log_bytes")))
    }
  }

  struct Counts: Statement {
    static let sql = """
      SELECT target, state, count(*) AS count FROM jobs GROUP BY target, state
      ORDER BY target, state
      """
    func decode(_ row: PostgresRow) throws -> QueueCount {
      QueueCount(
        target: try row.text("target"), state: try jobState(row, "state"),
        count: try row.int("count"))
    }
  }

  /// What runs and what is next: from the heads of the indexes that claims and leases use, so that it
  /// costs no more with ten million waiting jobs than with a hundred. Targets take turns.
  struct Heads: Statement {
    static let sql = """
      WITH running AS (
        SELECT id, row_number() OVER (ORDER BY class, rank, id) AS turn FROM (
          SELECT id, class, rank FROM jobs
          WHERE state = 'leased' AND ($2::text IS NULL OR target = $2)
          ORDER BY class, rank, id LIMIT $1) AS r
      ), waiting AS (
        SELECT id, row_number() OVER (ORDER BY class, turn, id) AS turn
        FROM (
          SELECT first.id, first.class,
            row_number() OVER (PARTITION BY r.target, first.class ORDER BY first.rank, first.id) AS turn
          FROM requirements r CROSS JOIN LATERAL (
            SELECT j.id, j.class, j.rank FROM jobs j
            WHERE j.state = 'pending' AND j.hold IS NULL AND j.requirement_id = r.id
            ORDER BY j.class, j.rank, j.id LIMIT $1) AS first
          WHERE $2::text IS NULL OR r.target = $2) AS of_targets
        ORDER BY class, turn, id LIMIT $1
      ), held AS (
        (SELECT id, not_before FROM jobs WHERE hold = 'backoff' AND ($2::text IS NULL OR target = $2)
         ORDER BY not_before LIMIT $1)
        UNION ALL
        (SELECT id, NULL FROM jobs WHERE hold = 'suspect' AND ($2::text IS NULL OR target = $2)
         ORDER BY id LIMIT $1)
      )
      SELECT id FROM (
        SELECT 1 AS part, id, turn FROM running
        UNION ALL SELECT 2, id, turn FROM waiting
        UNION ALL SELECT 3, id, row_number() OVER (ORDER BY not_before, id) FROM held
      ) AS all_parts ORDER BY part, turn LIMIT $1
      """
    let parameters: [PostgresValue]
    init(limit: Int, target: String?) {
      parameters = [.int(limit), .optional(storable(target))]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
  }

  struct Queue: Statement {
    static let sql = """
      SELECT j.id FROM jobs j
      WHERE j.state = ANY ($2::text[]) AND ($3::text IS NULL OR j.target = $3)
        AND ($4::text IS NULL OR j.version_id IN (
          SELECT v.id FROM versions v JOIN crates c ON c.id = v.crate_id
          WHERE c.normalized_name = $4))
      ORDER BY j.finalized_at DESC NULLS FIRST, j.state = 'pending', j.hold IS NOT NULL, j.class,
        j.rank, j.id
      LIMIT $1
      """
    let parameters: [PostgresValue]
    init(limit: Int, states: [JobState], target: String?, crate: String?) {
      parameters = [
        .int(limit), .textArray(states.map(\.rawValue)), .optional(storable(target)),
        .optional(storable(crate.map(CrateName.normalize))),
      ]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
  }

  struct Totals: Statement {
    static let sql = """
      SELECT (SELECT count(*) FROM crates) AS crates,
        (SELECT count(*) FROM versions WHERE has_binaries) AS versions,
        (SELECT count(*) FROM builds) AS builds,
        (SELECT coalesce(sum(size), 0) FROM artifacts)::bigint AS bytes
      """
    func decode(_ row: PostgresRow) throws -> FarmTotals {
      FarmTotals(
        crates: try row.int("crates"), versions: try row.int("versions"),
        builds: try row.int("builds"), artifactBytes: try row.int("bytes"))
    }
  }
}
