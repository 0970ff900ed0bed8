import Cryptography
public import ExecutorKit
public import FarmModel
import Foundation
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
  /// SHA-256 of the plan's checks, hexadecimal.
  public var checksDigest: String
  /// What its builder must have.
  public var requirement: JobRequirement

  /// There is one job a place.
  struct Place: Hashable {
    var version: Int64
    var target: String
  }
  var place: Place { Place(version: versionID, target: target) }

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
    checksDigest = Self.digest(of: plan.checks)
    self.requirement = requirement ?? JobRequirement(plan)
  }

  /// Of canonical JSON. Texts and lists of texts are all that there is to encode: it does not fail.
  private static func digest(of checks: BuildChecks) -> String {
    SHA256.hex(of: Array((try? CanonicalJSON.encode(checks)) ?? Data()))
  }
}

extension FarmDatabase {
  /// Makes the jobs that are not there and gives those whose plan's digest changed their new plan;
  /// idle builders are woken. A job that is being built keeps its plan, and is noted to be planned again when
  /// that has ended (``outdatedVersions(limit:)``).
  ///
  /// A version that is yanked or deleted meanwhile gets none.
  ///
  /// - Parameter revision: the recipes that the plans were made by; nil: none, as in tests.
  /// - Returns: how many jobs were made or changed.
  /// - Throws: ``RecipesChanged`` where other recipes are in force; then nothing has changed.
  public func want(_ jobs: [WantedJob], revision: Int64? = nil) async throws -> Int {
    guard !jobs.isEmpty else { return 0 }
    return try await pool.transaction { connection in
      if let revision { try connection.hold(revision: revision) }
      return try connection.want(jobs)
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
  /// ``FarmDatabase/want(_:)``, in a transaction of the caller's.
  func want(_ jobs: [WantedJob]) throws -> Int {
    var numbers: [JobRequirement: Int64] = [:]
    for job in jobs where numbers[job.requirement] == nil {
      numbers[job.requirement] = try number(of: job.requirement)
    }
    // A statement changes a row once: of several for the same, the first one counts.
    var places: Set<WantedJob.Place> = []
    let rows = try jobs.filter { places.insert($0.place).inserted }.compactMap { job in
      try numbers[job.requirement].map {
        JobStatements.Want.Line(
          job: job, plan: try CanonicalJSON.text(job.plan), requirement: $0)
      }
    }
    guard !rows.isEmpty else { return 0 }
    let changed = try run(JobStatements.Want(rows))
    try run(JobStatements.Outdate(rows))
    try wake(Set(changed))
    return changed.count
  }

  /// Wakes idle builders, once the transaction is committed, that have one of these requirements.
  func wake(_ requirements: Set<Int64>) throws {
    if !requirements.isEmpty { try run(JobStatements.Wake(requirements)) }
  }
}

enum JobStatements {
  static let all: [any Statement.Type] = [
    Want.self, Outdate.self, Wake.self, Request.self,
  ]

  /// One row for each job that was made or changed, none for those that are as wanted. Jobs of one group
  /// and target get turns one behind the other.
  struct Want: Statement {
    struct Line {
      let job: WantedJob
      let plan: String
      let requirement: Int64
    }
    static let sql = """
      WITH wanted AS (
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                             $7::bigint[], $8::text[])
          WITH ORDINALITY AS w (version_id, target, class, name, plan, plan_digest, requirement_id, checks_digest, turn)
      ), due AS MATERIALIZED (
        SELECT w.*, coalesce(c.now, 0) + 1
            + CASE WHEN w.class = 3 THEN k.popularity_band * 1000000 ELSE 0 END AS first
        FROM wanted w JOIN versions v ON v.id = w.version_id JOIN crates k ON k.id = v.crate_id
        LEFT JOIN rank_clocks c ON c.class = w.class AND c.target = w.target
        LEFT JOIN jobs j ON j.version_id = w.version_id AND j.target = w.target AND j.verifies IS NULL
        WHERE NOT v.yanked AND v.deleted_at IS NULL
          AND (j.id IS NULL
               OR (j.plan_digest <> w.plan_digest AND j.state NOT IN ('leased', 'cancelled')))
        FOR SHARE OF v
      ), groups AS (
        SELECT d.class, d.target, d.name, count(*) AS turns,
          greatest(min(d.first), max(g.last_rank) + 1) AS first
        FROM due d
        LEFT JOIN rank_groups g ON g.class = d.class AND g.target = d.target AND g.name = d.name
        GROUP BY d.class, d.target, d.name
      ), turns AS (
        INSERT INTO rank_groups AS g (class, target, name, last_rank)
        SELECT class, target, name, first + turns - 1 FROM groups ORDER BY class, target, name
        ON CONFLICT (class, target, name)
          DO UPDATE SET last_rank = greatest(excluded.last_rank, g.last_rank)
      )
      INSERT INTO jobs AS j (version_id, target, state, class, rank, requirement_id, plan, plan_digest,
                             checks_digest, asked)
      SELECT d.version_id, d.target, 'pending', d.class,
        g.first + row_number() OVER (PARTITION BY d.class, d.target, d.name ORDER BY d.turn) - 1,
        d.requirement_id, d.plan::jsonb, d.plan_digest, d.checks_digest, d.class = 0
      FROM due d
      JOIN groups g ON g.class = d.class AND g.target = d.target AND g.name = d.name ORDER BY d.turn
      ON CONFLICT (version_id, target) WHERE verifies IS NULL DO UPDATE
        SET state = 'pending', class = CASE WHEN j.state = 'pending' THEN j.class ELSE 2 END,
            rank = CASE WHEN j.state = 'pending' THEN j.rank ELSE excluded.rank END,
            requirement_id = excluded.requirement_id, plan = excluded.plan,
            plan_digest = excluded.plan_digest, checks_digest = excluded.checks_digest,
            only_check = false, asked = j.asked OR excluded.asked, retries_left = 5, limits_doubled = false,
            hold = NULL, not_before = NULL, avoid = '{}', forgiven_attempt = j.attempt,
            failure_class = NULL, failure_message = NULL, finalized_at = NULL,
            updated_at = clock_timestamp()
        WHERE j.plan_digest <> excluded.plan_digest AND j.state NOT IN ('leased', 'cancelled')
      RETURNING requirement_id
      """
    let parameters: [PostgresValue]
    init(_ rows: [Line]) {
      parameters = [
        .intArray(rows.map(\.job.versionID)), .textArray(rows.map(\.job.target)),
        .intArray(rows.map { Int64($0.job.jobClass.rawValue) }),
        .textArray(rows.map(\.job.group)), .textArray(rows.map(\.plan)),
        .textArray(rows.map(\.job.planDigest)), .intArray(rows.map(\.requirement)),
        .textArray(rows.map(\.job.checksDigest)),
      ]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("requirement_id")) }
  }

  /// Notes what ``Want`` has left by another plan than is wanted, because it was being built. That may
  /// have ended since, so that its state is not asked for.
  struct Outdate: Statement {
    static let sql = """
      UPDATE jobs j SET outdated = true
      FROM unnest($1::bigint[], $2::text[], $3::text[]) AS w (version_id, target, plan_digest)
      WHERE j.version_id = w.version_id AND j.target = w.target AND j.verifies IS NULL
        AND j.state <> 'cancelled' AND j.plan_digest <> w.plan_digest AND NOT j.outdated
      """
    let parameters: [PostgresValue]
    init(_ rows: [Want.Line]) {
      parameters = [
        .intArray(rows.map(\.job.versionID)), .textArray(rows.map(\.job.target)),
        .textArray(rows.map(\.job.planDigest)),
      ]
    }
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
        SELECT j.id, j.target, \(CrateQueries.group) AS name
        FROM jobs j JOIN versions v ON v.id = j.version_id JOIN crates c ON c.id = v.crate_id
        WHERE j.version_id = $1 AND j.target = $2 AND j.verifies IS NULL AND j.state = 'pending'
          AND j.class > 0
        FOR UPDATE OF j
      ), \(Turns.next(jobClass: "0", of: "waiting")), raised AS (
        UPDATE jobs j SET class = 0, rank = turn.last_rank, asked = true, updated_at = clock_timestamp()
        FROM waiting w, turn WHERE j.id = w.id
      ), noted AS (
        UPDATE jobs SET asked = true
        WHERE version_id = $1 AND target = $2 AND verifies IS NULL AND NOT asked
          AND id NOT IN (SELECT id FROM waiting)
      )
      SELECT id, state FROM jobs WHERE version_id = $1 AND target = $2 AND verifies IS NULL
      """
    let parameters: [PostgresValue]
    init(version: Int64, target: String) { parameters = [.int(version), .text(target)] }
    func decode(_ row: PostgresRow) throws -> RequestedJob {
      RequestedJob(id: Int64(try row.int("id")), state: try jobState(row, "state"))
    }
  }
}
