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
    try await pool.run(
      JobQueries.Queue(limit: limit, states: states, target: target, crate: crate))
  }

  /// Numbers of crates, versions with a binary, builds and artifact bytes.
  public func totals() async throws -> (
    crates: Int, versions: Int, builds: Int, artifactBytes: Int
  ) {
    try await pool.run(JobQueries.Totals()).first ?? (0, 0, 0, 0)
  }
}

enum JobQueries {
  static let all: [any Statement.Type] = [
    Job.self, Attempts.self, Counts.self, Queue.self, Totals.self,
  ]

  struct Job: Statement {
    static let sql = """
      SELECT j.id, c.name, v.version, j.target, j.state, j.class, j.plan_digest,
        j.plan::text AS plan, j.attempt, j.retries_left, j.not_before, j.hold, j.requirement_id,
        j.failure_class,
        j.failure_message, j.build_id, j.verifies, j.created_at, j.finalized_at,
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
    func decode(_ row: PostgresRow) throws -> (
      crates: Int, versions: Int, builds: Int, artifactBytes: Int
    ) {
      (
        try row.int("crates"), try row.int("versions"), try row.int("builds"),
        try row.int("bytes")
      )
    }
  }
}
