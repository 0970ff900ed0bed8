public import ExecutorKit
public import FarmModel
import Postgres
public import Scheduling

/// A job that should exist, made by the recipes for one version and target.
public struct WantedJob: Sendable {
  public var versionID: Int64
  public var target: String
  public var jobClass: JobClass
  /// Jobs of one group take turns with those of the others.
  public var group: String
  public var plan: Plan
  public var planDigest: String
  /// What its builder must have.
  public var requirement: JobRequirement

  public init(
    versionID: Int64, target: String, jobClass: JobClass, group: String, plan: Plan,
    planDigest: String, requirement: JobRequirement? = nil
  ) {
    self.versionID = versionID
    self.target = target
    self.jobClass = jobClass
    self.group = group
    self.plan = plan
    self.planDigest = planDigest
    self.requirement = requirement ?? JobRequirement(plan)
  }
}

extension FarmDatabase {
  /// Makes the jobs that are not there and gives those whose plan's digest changed their new plan;
  /// idle builders are woken. A job that is being built keeps its plan.
  ///
  /// - Parameter revision: the recipes that the plans were made by; nil: none, as in tests.
  /// - Returns: how many jobs were made or changed.
  /// - Throws: ``RecipesChanged`` where other recipes are in force; then nothing has changed.
  public func want(_ jobs: [WantedJob], revision: Int64? = nil) async throws -> Int {
    guard !jobs.isEmpty else { return 0 }
    return try await pool.transaction { connection in
      if let revision { try connection.hold(revision: revision) }
      var changed: Set<Int64> = []
      var count = 0
      var numbers: [JobRequirement: Int64] = [:]
      for job in jobs {
        let number: Int64
        if let known = numbers[job.requirement] {
          number = known
        } else {
          number = try connection.number(of: job.requirement)
          numbers[job.requirement] = number
        }
        let rows = try connection.run(try JobStatements.Want(job, requirement: number))
        guard !rows.isEmpty else { continue }
        changed.insert(number)
        count += 1
      }
      try connection.wake(changed)
      return count
    }
  }

  /// Raises a waiting job to the class `request`. What has ended stays as it is: only a changed plan
  /// or an operator brings it back.
  ///
  /// - Returns: the job and whether it waits; nil: there is none.
  public func request(version: Int64, target: String) async throws -> RequestedJob? {
    try await pool.run(JobStatements.Request(version: version, target: target)).first
  }
}

/// A job that somebody asked for.
public struct RequestedJob: Sendable, Equatable {
  public var id: Int64
  public var state: JobState
}

extension PostgresConnection {
  /// Wakes idle builders, once the transaction is committed, that have one of these requirements.
  func wake(_ requirements: Set<Int64>) throws {
    if !requirements.isEmpty { try run(JobStatements.Wake(requirements)) }
  }
}

enum JobStatements {
  static let all: [any Statement.Type] = [
    Want.self, Wake.self, Request.self, CancelJobsOfVersion.self,
  ]

  /// One row when the job was made or changed, none when it is as wanted.
  struct Want: Statement {
    static let sql = """
      WITH turn AS (
        INSERT INTO rank_groups AS g (class, name, last_rank)
        SELECT c.class, $4, c.now + 1 + CASE WHEN c.class = 3 THEN (
            SELECT k.popularity_band * 1000000 FROM crates k
            JOIN versions v ON v.crate_id = k.id WHERE v.id = $1) ELSE 0 END
        FROM rank_clocks c
        WHERE c.class = $3
          AND NOT EXISTS (SELECT FROM jobs
                          WHERE version_id = $1 AND target = $2 AND verifies IS NULL
                            AND (plan_digest = $6 OR state = 'leased'))
        ON CONFLICT (class, name) DO UPDATE
          SET last_rank = greatest(excluded.last_rank, g.last_rank + 1)
        RETURNING last_rank
      )
      INSERT INTO jobs AS j (version_id, target, state, class, rank, requirement_id, plan, plan_digest)
      SELECT $1, $2, 'pending', $3, turn.last_rank, $7, $5::jsonb, $6 FROM turn
      ON CONFLICT (version_id, target) WHERE verifies IS NULL DO UPDATE
        SET state = 'pending', class = CASE WHEN j.state = 'pending' THEN j.class ELSE 2 END,
            rank = CASE WHEN j.state = 'pending' THEN j.rank ELSE excluded.rank END,
            requirement_id = excluded.requirement_id, plan = excluded.plan,
            plan_digest = excluded.plan_digest, retries_left = 5, limits_doubled = false,
            hold = NULL, not_before = NULL, avoid = '{}', forgiven_attempt = j.attempt,
            failure_class = NULL, failure_message = NULL, finalized_at = NULL,
            updated_at = clock_timestamp()
        WHERE j.plan_digest <> excluded.plan_digest AND j.state NOT IN ('leased', 'cancelled')
      RETURNING id
      """
    let parameters: [PostgresValue]
    init(_ job: WantedJob, requirement: Int64) throws {
      parameters = [
        .int(job.versionID), .text(job.target), .int(job.jobClass.rawValue), .text(job.group),
        .json(try CanonicalJSON.text(job.plan)), .text(job.planDigest),
        .int(requirement),
      ]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
  }

  struct Wake: Statement {
    static let sql = "SELECT pg_notify('\(FarmDatabase.jobsChannel)', $1)"
    let parameters: [PostgresValue]
    init(_ requirements: Set<Int64>) {
      // A payload has 8,000 bytes at most; an empty one is for everybody.
      let numbers = requirements.count > 200 ? [] : requirements.sorted().map(String.init)
      parameters = [.text(numbers.joined(separator: ","))]
    }
  }

  struct Request: Statement {
    static let sql = """
      WITH waiting AS (
        SELECT j.id, coalesce(c.repository, c.name) AS name
        FROM jobs j JOIN versions v ON v.id = j.version_id JOIN crates c ON c.id = v.crate_id
        WHERE j.version_id = $1 AND j.target = $2 AND j.verifies IS NULL AND j.state = 'pending'
          AND j.class > 0
        FOR UPDATE OF j
      ), turn AS (
        INSERT INTO rank_groups AS g (class, name, last_rank)
        SELECT 0, w.name, c.now + 1 FROM rank_clocks c, waiting w WHERE c.class = 0
        ON CONFLICT (class, name) DO UPDATE
          SET last_rank = greatest(excluded.last_rank, g.last_rank + 1)
        RETURNING last_rank
      ), raised AS (
        UPDATE jobs j SET class = 0, rank = turn.last_rank, updated_at = clock_timestamp()
        FROM waiting w, turn WHERE j.id = w.id
      )
      SELECT id, state FROM jobs WHERE version_id = $1 AND target = $2 AND verifies IS NULL
      """
    let parameters: [PostgresValue]
    init(version: Int64, target: String) { parameters = [.int(version), .text(target)] }
    func decode(_ row: PostgresRow) throws -> RequestedJob {
      RequestedJob(id: Int64(try row.int("id")), state: try jobState(row, "state"))
    }
  }

  /// Cancels all jobs of a version, or brings its cancelled ones back.
  struct CancelJobsOfVersion: Statement {
    enum Wanted: Sendable { case cancel, revive }
    static let sql = """
      UPDATE jobs SET
        state = CASE
          WHEN $2 AND state = 'pending' THEN 'cancelled'
          WHEN NOT $2 AND state = 'cancelled' AND NOT dropped THEN 'pending'
          ELSE state END,
        finalized_at = CASE
          WHEN $2 AND state = 'pending' THEN clock_timestamp()
          WHEN NOT $2 AND state = 'cancelled' AND NOT dropped THEN NULL
          ELSE finalized_at END,
        hold = CASE WHEN $2 THEN NULL ELSE hold END,
        not_before = CASE WHEN $2 THEN NULL ELSE not_before END,
        cancel_requested = $2 AND state = 'leased',
        updated_at = clock_timestamp()
      WHERE version_id = $1
        AND (($2 AND state IN ('pending', 'leased')) OR (NOT $2 AND state IN ('cancelled', 'leased')))
      RETURNING requirement_id
      """
    let parameters: [PostgresValue]
    init(version: Int64, wanted: Wanted) { parameters = [.int(version), .bool(wanted == .cancel)] }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("requirement_id")) }
  }
}
