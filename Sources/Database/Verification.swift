public import FarmModel
public import Foundation
import Postgres
import Scheduling

/// What building a published build once more has shown.
public struct StoredVerification: Sendable, Equatable {
  /// The verifying job.
  public var job: Int64
  public var attempt: Int32
  public var verdict: String
  /// Names of files and binaries that differ, sorted.
  public var differing: [String]
  /// The environment that it was built in.
  public var environmentDigest: String
  public var verifiedAt: Date
}

extension FarmDatabase {
  /// What the verification of a build found; nil: there was none, or it has not ended.
  public func verification(ofBuild build: Int64) async throws -> StoredVerification? {
    try await pool.run(VerificationStatements.OfBuild(build: build)).first
  }

  /// Ends a verifying attempt with what the comparison found: verdict, job and attempt in one
  /// transaction.
  ///
  /// - Parameters:
  ///   - build: the build that was built once more.
  ///   - environment: the digest of the environment in which that was done.
  public func recordVerification(
    builder: Int64, job: Int64, attempt: Int32, build: Int64, finding: ReproducibilityFinding,
    environment: String
  ) async throws -> PublicationOutcome {
    try await pool.transaction { connection in
      guard
        let current = try connection.run(
          LeaseStatements.Lock(job: job, attempt: attempt, builder: builder)
        ).first
      else { return .stale }
      if current.alreadySucceeded { return .alreadyPublished }
      guard current.isHeld else { return .stale }
      try connection.run(
        VerificationStatements.Record(
          job: job, attempt: attempt, build: build, finding: finding, environment: environment))
      try connection.run(PublicationStatements.Succeed(job: job, attempt: attempt, build: build))
      try connection.run(SettlementStatements.Clear(builder: builder, isSuccess: true))
      return .verified(build: build, finding)
    }
  }
}

enum VerificationStatements {
  static let all: [any Statement.Type] = [
    Want.self, CancelOlder.self, Record.self, OfBuild.self,
  ]

  /// Makes the job that builds a published build once more; no row: no other approved builder can.
  ///
  /// It waits behind requests, new versions and rebuilds; in the backfill all verifications together take
  /// turns with the crates, as if they were one.
  struct Want: Statement {
    static let sql = """
      WITH build AS (
        SELECT b.id, j.version_id, j.target, j.requirement_id, j.limits_doubled, j.plan, j.plan_digest,
               a.builder_id
        FROM builds b JOIN jobs j ON j.id = b.job_id
        JOIN attempts a ON a.job_id = b.job_id AND a.attempt = b.attempt
        WHERE b.id = $1 AND EXISTS (
          SELECT FROM builders o
          WHERE o.id <> a.builder_id AND o.state = 'approved' AND NOT o.draining
            AND o.capabilities -> 'targets' @> jsonb_build_array(
              jsonb_build_object('triple', j.target, 'module', j.executor)))
      ), together AS (
        SELECT target, 'verification' AS name FROM build
      ), \(Turns.next(jobClass: "$2", of: "together"))
      INSERT INTO jobs (version_id, target, state, class, rank, requirement_id, limits_doubled, plan,
                        plan_digest, verifies, other_than)
      SELECT version_id, target, 'pending', $2, last_rank, requirement_id, limits_doubled, plan,
             plan_digest, id, builder_id
      FROM build, turn
      ON CONFLICT (verifies) WHERE verifies IS NOT NULL DO NOTHING
      RETURNING requirement_id
      """
    let parameters: [PostgresValue]
    init(build: Int64) { parameters = [.int(build), .int(JobClass.backfill.rawValue)] }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("requirement_id")) }
  }

  /// A build that is no longer served needs no verification that has not begun.
  struct CancelOlder: Statement {
    static let sql = """
      UPDATE jobs SET state = 'cancelled', hold = NULL, not_before = NULL, finalized_at = clock_timestamp(),
        updated_at = clock_timestamp()
      WHERE state = 'pending'
        AND verifies IN (SELECT id FROM builds WHERE job_id = $1 AND id <> $2)
      """
    let parameters: [PostgresValue]
    init(job: Int64, served build: Int64) { parameters = [.int(job), .int(build)] }
  }

  struct Record: Statement {
    static let sql = """
      WITH recorded AS (
        INSERT INTO verifications (build_id, job_id, attempt, verdict, differing, environment_digest)
        VALUES ($1, $2, $3, $4, $5, $6)
      )
      UPDATE builds SET reproducibility = $4 WHERE id = $1
      """
    let parameters: [PostgresValue]
    init(
      job: Int64, attempt: Int32, build: Int64, finding: ReproducibilityFinding,
      environment: String
    ) {
      parameters = [
        .int(build), .int(job), .int(Int64(attempt)), .text(finding.verdict.rawValue),
        .textArray(finding.differing.sorted().map(storable)), .text(storable(environment)),
      ]
    }
  }

  struct OfBuild: Statement {
    static let sql = """
      SELECT job_id, attempt, verdict, differing, environment_digest, verified_at
      FROM verifications WHERE build_id = $1
      """
    let parameters: [PostgresValue]
    init(build: Int64) { parameters = [.int(build)] }
    func decode(_ row: PostgresRow) throws -> StoredVerification {
      StoredVerification(
        job: Int64(try row.int("job_id")), attempt: Int32(try row.int("attempt")),
        verdict: try row.text("verdict"), differing: try row.textArray("differing"),
        environmentDigest: try row.text("environment_digest"),
        verifiedAt: try row.date("verified_at"))
    }
  }
}
