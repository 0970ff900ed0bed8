public import ExecutorKit
public import FarmModel
import Foundation
import Postgres

/// A job as planning sees it.
public struct PlannedJob: Sendable, Equatable {
  public var id: Int64
  public var versionID: Int64
  public var target: String
  public var state: JobState
  public var jobClass: JobClass
  /// Somebody has asked for it.
  public var isAsked: Bool
  /// Cancelled because the recipes did not want it.
  public var isDropped: Bool
  public var planDigest: String
  /// Of the plan's checks; nil: the plan must be read.
  public var checksDigest: String?
  /// Whether all that is wanted of it is that the served build is checked.
  public var isOnlyCheck: Bool
  public var requirementID: Int64
  public var failureClass: String?
  /// How long its served build took, in seconds; nil: nothing is served.
  public var buildSeconds: Double?
}

/// What planning does to jobs that are there.
public struct JobEdits: Sendable {
  /// Jobs that are not there.
  public var made: [WantedJob] = []
  /// Jobs that get a new plan, and wait for a builder with it.
  public var planned: [(job: Int64, wanted: WantedJob)] = []
  /// Jobs that are not wanted any more.
  public var dropped: [Int64] = []
  /// Jobs whose plans were read and are checked as wanted, so that they need not be read again: the digests of
  /// their checks.
  public var known: [(job: Int64, checksDigest: String)] = []

  public init() {}

  public var isEmpty: Bool {
    made.isEmpty && planned.isEmpty && dropped.isEmpty && known.isEmpty
  }
}

extension FarmDatabase {
  /// Versions with a binary, neither yanked nor deleted, of these crates, by their normalised names.
  public func plannableVersions(ofCrates names: [String]) async throws -> [PlannableVersion] {
    try await pool.run(PlanStatements.OfCrates(names: names))
  }

  /// Of these versions, those that have a binary and are neither yanked nor deleted.
  public func plannableVersions(_ ids: [Int64]) async throws -> [PlannableVersion] {
    try await pool.run(PlanningStatements.Of(ids))
  }

  /// The jobs of versions, verifications not counted.
  public func plannedJobs(ofVersions ids: [Int64]) async throws -> [PlannedJob] {
    try await pool.run(PlanStatements.Jobs(versions: ids))
  }

  /// The plans of jobs, by the jobs' numbers; those that this program cannot read are left out.
  public func plans(ofJobs ids: [Int64]) async throws -> [Int64: Plan] {
    guard !ids.isEmpty else { return [:] }
    let rows = try await pool.run(PlanStatements.Plans(jobs: ids))
    return Dictionary(
      rows.compactMap { row in
        let plan = try? JSONDecoder().decode(Plan.self, from: Data(row.plan.utf8))
        return plan.map { (row.job, $0) }
      }
    ) { first, _ in first }
  }

  /// How long attempts of late have taken, in seconds by target.
  public func secondsPerJob() async throws -> [String: Double] {
    Dictionary(try await pool.run(OutlookStatements.Pace())) { first, _ in first }
  }

  /// Changes jobs as a revision wants them: all, or none where another revision is in force.
  ///
  /// What is being built keeps its plan, and is noted to be planned again when that has ended.
  /// - Parameter settled: versions whose note is cleared, for jobs that are not being built.
  /// - Throws: ``RecipesChanged``.
  public func edit(
    _ edits: JobEdits, revision: Int64, settled versions: [Int64] = []
  ) async throws {
    try await pool.transaction { connection in
      try connection.hold(revision: revision)
      if !versions.isEmpty { try connection.run(PlanStatements.Settle(versions: versions)) }
      var woken: Set<Int64> = []
      // What is being built cannot be changed, and may have ended by the time at which it is noted.
      var left: [Int64] = []
      _ = try connection.want(edits.made)
      for (job, wanted) in edits.planned {
        let number = try connection.number(of: wanted.requirement)
        let rows = try connection.run(
          try PlanStatements.Change(job: job, wanted, requirement: number))
        if rows.isEmpty { left.append(job) } else { woken.insert(number) }
      }
      if !edits.known.isEmpty { try connection.run(PlanStatements.Know(edits.known)) }
      if !edits.dropped.isEmpty { try connection.run(PlanStatements.Drop(jobs: edits.dropped)) }
      left += edits.dropped
      if !left.isEmpty { try connection.run(PlanStatements.Outdate(jobs: left)) }
      try connection.wake(woken)
    }
  }

  /// Gives a job back its place in the queue that was dropped, with a new plan; nothing where there is
  /// no such job, or it was not dropped.
  ///
  /// - Throws: ``RecipesChanged`` where another revision is in force.
  public func takeBack(_ wanted: WantedJob, revision: Int64) async throws {
    guard
      let job = try await plannedJobs(ofVersions: [wanted.versionID])
        .first(where: { $0.target == wanted.target && $0.isDropped })
    else { return }
    var edits = JobEdits()
    edits.planned = [(job.id, wanted)]
    try await edit(edits, revision: revision)
  }

  /// Versions with a job that was being built when its plan changed, and is not any more.
  public func outdatedVersions(limit: Int) async throws -> [Int64] {
    try await pool.run(PlanStatements.Outdated(limit: limit))
  }
}

enum PlanStatements {
  static let all: [any Statement.Type] = [
    OfCrates.self, Jobs.self, Plans.self, Change.self, Drop.self, Outdate.self,
    Settle.self, Outdated.self, Know.self,
  ]

  struct OfCrates: Statement {
    static let sql = """
      \(PlanningStatements.query("c.normalized_name = ANY ($1::text[]) ORDER BY v.id"))
      """
    let parameters: [PostgresValue]
    init(names: [String]) { parameters = [.textArray(names)] }
    func decode(_ row: PostgresRow) throws -> PlannableVersion {
      try PlanningStatements.decode(row)
    }
  }

  struct Jobs: Statement {
    static let sql = """
      SELECT j.id, j.version_id, j.target, j.state, j.class, j.asked, j.dropped, j.plan_digest,
             j.checks_digest, j.only_check, j.requirement_id, j.failure_class,
             extract(epoch FROM a.finished_at - a.started_at)::float8 AS seconds
      FROM jobs j LEFT JOIN builds b ON b.id = j.build_id
      LEFT JOIN attempts a ON a.job_id = b.job_id AND a.attempt = b.attempt
      WHERE j.version_id = ANY ($1::bigint[]) AND j.verifies IS NULL
      """
    let parameters: [PostgresValue]
    init(versions: [Int64]) { parameters = [.intArray(versions)] }
    func decode(_ row: PostgresRow) throws -> PlannedJob {
      PlannedJob(
        id: Int64(try row.int("id")), versionID: Int64(try row.int("version_id")),
        target: try row.text("target"), state: try jobState(row, "state"),
        jobClass: JobClass(rawValue: try row.int("class")) ?? .backfill,
        isAsked: try row.bool("asked"), isDropped: try row.bool("dropped"),
        planDigest: try row.text("plan_digest"),
        checksDigest: try row.optionalText("checks_digest"),
        isOnlyCheck: try row.bool("only_check"),
        requirementID: Int64(try row.int("requirement_id")),
        failureClass: try row.optionalText("failure_class"),
        buildSeconds: try row.optionalDouble("seconds"))
    }
  }

  struct Plans: Statement {
    static let sql = "SELECT id, plan::text AS plan FROM jobs WHERE id = ANY ($1::bigint[])"
    let parameters: [PostgresValue]
    init(jobs: [Int64]) { parameters = [.intArray(jobs)] }
    func decode(_ row: PostgresRow) throws -> (job: Int64, plan: String) {
      (Int64(try row.int("id")), try row.text("plan"))
    }
  }

  /// A job that waits keeps its turn, one that was dropped gets it back; all others queue up as
  /// rebuilds. One row where the job was changed.
  ///
  /// Where what is served was built by this plan, and only how it is checked has changed, nothing is built.
  struct Change: Statement {
    static let sql = """
      WITH offered AS (
        -- It may have been yanked since it was planned, and is not before this is committed.
        SELECT v.id FROM jobs j JOIN versions v ON v.id = j.version_id
        WHERE j.id = $1 AND NOT v.yanked AND v.deleted_at IS NULL FOR SHARE OF v
      ), ended AS (
        SELECT j.target, $2::text AS name FROM jobs j JOIN offered ON offered.id = j.version_id
        WHERE j.id = $1 AND j.state IN ('failed', 'succeeded')
      ), \(Turns.next(jobClass: "2", of: "ended"))
      UPDATE jobs j
      SET state = 'pending', dropped = false, outdated = false,
          class = CASE WHEN j.state IN ('failed', 'succeeded') THEN 2 ELSE j.class END,
          rank = CASE WHEN j.state IN ('failed', 'succeeded')
            THEN coalesce((SELECT last_rank FROM turn), j.rank) ELSE j.rank END,
          requirement_id = $3, plan = $4::jsonb, plan_digest = $5, checks_digest = $6,
          only_check = (j.state = 'succeeded' OR j.only_check)
            AND EXISTS (SELECT FROM builds b WHERE b.id = j.build_id AND b.plan_digest = $5),
          retries_left = 5,
          limits_doubled = false, hold = NULL, not_before = NULL, avoid = '{}',
          forgiven_attempt = j.attempt, failure_class = NULL, failure_message = NULL,
          finalized_at = NULL, updated_at = clock_timestamp()
      WHERE j.id = $1 AND j.verifies IS NULL AND j.version_id IN (SELECT id FROM offered)
        AND (j.state IN ('pending', 'failed') OR j.dropped
             OR (j.state = 'succeeded'
                 AND (j.plan_digest <> $5 OR j.checks_digest IS DISTINCT FROM $6)))
      RETURNING j.id
      """
    let parameters: [PostgresValue]
    init(job: Int64, _ wanted: WantedJob, requirement: Int64) throws {
      parameters = [
        .int(job), .text(wanted.group), .int(requirement),
        .json(try CanonicalJSON.text(wanted.plan)), .text(wanted.planDigest),
        .text(wanted.checksDigest),
      ]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
  }

  struct Drop: Statement {
    static let sql = """
      UPDATE jobs SET state = 'cancelled', dropped = true, outdated = false, hold = NULL,
        not_before = NULL, finalized_at = clock_timestamp(), updated_at = clock_timestamp()
      WHERE id = ANY ($1::bigint[]) AND state = 'pending' AND verifies IS NULL
      """
    let parameters: [PostgresValue]
    init(jobs: [Int64]) { parameters = [.intArray(jobs)] }
  }

  struct Know: Statement {
    static let sql = """
      UPDATE jobs j SET checks_digest = k.digest
      FROM unnest($1::bigint[], $2::text[]) AS k (id, digest)
      WHERE j.id = k.id AND j.state = 'succeeded' AND j.checks_digest IS NULL
      """
    let parameters: [PostgresValue]
    init(_ known: [(job: Int64, checksDigest: String)]) {
      parameters = [.intArray(known.map(\.job)), .textArray(known.map(\.checksDigest))]
    }
  }

  struct Outdate: Statement {
    static let sql = """
      UPDATE jobs SET outdated = true
      WHERE id = ANY ($1::bigint[]) AND state <> 'cancelled' AND NOT outdated
      """
    let parameters: [PostgresValue]
    init(jobs: [Int64]) { parameters = [.intArray(jobs)] }
  }

  struct Settle: Statement {
    static let sql = """
      UPDATE jobs SET outdated = false
      WHERE version_id = ANY ($1::bigint[]) AND outdated AND state <> 'leased'
      """
    let parameters: [PostgresValue]
    init(versions: [Int64]) { parameters = [.intArray(versions)] }
  }

  struct Outdated: Statement {
    static let sql = """
      SELECT DISTINCT version_id FROM jobs WHERE outdated AND state <> 'leased' LIMIT $1
      """
    let parameters: [PostgresValue]
    init(limit: Int) { parameters = [.int(limit)] }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("version_id")) }
  }
}
