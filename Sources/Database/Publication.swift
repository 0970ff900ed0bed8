import ExecutorKit
public import FarmModel
import Postgres

/// A signed file, ready to be published.
public struct SignedArtifact: Sendable, Equatable {
  public var report: ArtifactReport
  /// The text of the `.minisig` file.
  public var signature: String
  public var keyID: String

  public init(report: ArtifactReport, signature: String, keyID: String) {
    self.report = report
    self.signature = signature
    self.keyID = keyID
  }
}

/// What became of a wish to publish.
public enum PublicationOutcome: Sendable, Equatable {
  case published(build: Int64, revision: Int)
  /// A published build was built once more: nothing is published, the finding is kept.
  case verified(build: Int64, ReproducibilityFinding)
  /// A published build was checked once more, and is as its recipe wants: nothing new is published.
  case checked(build: Int64)
  /// This very attempt has been published before.
  case alreadyPublished
  /// The lease is another's.
  case stale
}

extension FarmDatabase {
  /// Whether an attempt may still publish, asked before the costly part; nil: it may.
  public func publicationObstacle(builder: Int64, job: Int64, attempt: Int32) async throws
    -> PublicationOutcome?
  {
    let rows = try await pool.run(
      LeaseStatements.Lock(job: job, attempt: attempt, builder: builder))
    guard let current = rows.first else { return .stale }
    if current.alreadySucceeded { return .alreadyPublished }
    return current.isHeld ? nil : .stale
  }

  /// Publishes an attempt's result: build, artifacts, job and attempt in one transaction.
  ///
  /// The artifacts must lie under their content's keys in storage before.
  /// - Parameter verify: whether another builder, where one can, is to build it once more.
  public func publish(
    builder: Int64, job: Int64, attempt: Int32, report: BuildReport, artifacts: [SignedArtifact],
    verify: Bool = false
  ) async throws -> PublicationOutcome {
    try await pool.transaction { connection in
      guard
        let current = try connection.run(
          LeaseStatements.Lock(job: job, attempt: attempt, builder: builder)
        ).first
      else { return .stale }
      if current.alreadySucceeded { return .alreadyPublished }
      guard current.isHeld else { return .stale }
      let inserted = try connection.run(
        try PublicationStatements.InsertBuild(job: job, attempt: attempt, report: report))
      guard let build = inserted.first else { return .stale }
      for artifact in artifacts {
        try connection.run(PublicationStatements.InsertArtifact(artifact, build: build.id))
      }
      try connection.run(PublicationStatements.Succeed(job: job, attempt: attempt, build: build.id))
      try connection.run(VerificationStatements.CancelOlder(job: job, served: build.id))
      try connection.run(SettlementStatements.Clear(builder: builder, isSuccess: true))
      let waiting = verify ? try connection.run(VerificationStatements.Want(build: build.id)) : []
      try connection.wake(Set(waiting))
      return .published(build: build.id, revision: build.revision)
    }
  }
}

enum PublicationStatements {
  static let all: [any Statement.Type] = [InsertBuild.self, InsertArtifact.self, Succeed.self]

  struct InsertBuild: Statement {
    struct Row: Sendable {
      let id: Int64
      let revision: Int
    }
    static let sql = """
      INSERT INTO builds (job_id, attempt, revision, plan_digest, environment_digest, toolchain,
                          glibc_floor, report)
      SELECT a.job_id, a.attempt,
             1 + coalesce((SELECT max(revision) FROM builds WHERE job_id = a.job_id), 0),
             a.plan_digest, $3, $4, $5, $6::jsonb
      FROM attempts a WHERE a.job_id = $1 AND a.attempt = $2
      RETURNING id, revision
      """
    let parameters: [PostgresValue]
    init(job: Int64, attempt: Int32, report: BuildReport) throws {
      parameters = [
        .int(job), .int(Int64(attempt)), .text(report.environment.digest),
        .text(report.environment.rustc), .optional(report.glibcFloor),
        .json(storableJSON(try CanonicalJSON.text(report))),
      ]
    }
    func decode(_ row: PostgresRow) throws -> Row {
      Row(id: Int64(try row.int("id")), revision: try row.int("revision"))
    }
  }

  struct InsertArtifact: Statement {
    static let sql = """
      INSERT INTO artifacts (build_id, name, kind, size, sha256, signature, key_id)
      VALUES ($1, $2, $3, $4, $5, $6, $7)
      """
    let parameters: [PostgresValue]
    init(_ artifact: SignedArtifact, build: Int64) {
      parameters = [
        .int(build), .text(artifact.report.name), .text(artifact.report.kind.rawValue),
        .int(artifact.report.size), .text(artifact.report.sha256), .text(artifact.signature),
        .text(artifact.keyID),
      ]
    }
  }

  struct Succeed: Statement {
    static let sql = """
      WITH ended AS (
        UPDATE attempts SET finished_at = clock_timestamp(), result = 'succeeded',
          failure_class = NULL, failure_message = NULL, stage = 'upload'
        WHERE job_id = $1 AND attempt = $2
      )
      UPDATE jobs SET state = 'succeeded', build_id = $3, only_check = false, builder_id = NULL,
        lease_expires_at = NULL, cancel_requested = false, hold = NULL, not_before = NULL, avoid = '{}',
        failure_class = NULL, failure_message = NULL, finalized_at = clock_timestamp(),
        updated_at = clock_timestamp()
      WHERE id = $1
      """
    let parameters: [PostgresValue]
    init(job: Int64, attempt: Int32, build: Int64) {
      parameters = [.int(job), .int(Int64(attempt)), .int(build)]
    }
  }
}
