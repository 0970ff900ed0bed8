import ExecutorKit
public import FarmModel
public import Foundation
import Postgres

/// What the last check of a published build has shown.
public struct StoredCheck: Sendable, Equatable {
  /// The build's binaries as they were found and as they started.
  public var binaries: [BinaryReport]
  public var checkedAt: Date
}

extension FarmDatabase {
  /// Ends an attempt that has checked what its job serves: finding, job and attempt in one transaction.
  /// Nothing new is published.
  ///
  /// - Parameters:
  ///   - build: the build that was checked.
  ///   - report: of the check; its binaries must be the build's.
  /// - Returns: `stale` also where the job serves another build by now.
  public func recordCheck(
    builder: Int64, job: Int64, attempt: Int32, build: Int64, report: BuildReport
  ) async throws -> PublicationOutcome {
    try await pool.transaction { connection in
      guard
        let current = try connection.run(
          LeaseStatements.Lock(job: job, attempt: attempt, builder: builder)
        ).first
      else { return .stale }
      if current.alreadySucceeded { return .alreadyPublished }
      guard current.isHeld else { return .stale }
      let recorded = try connection.run(
        try CheckStatements.Record(job: job, attempt: attempt, build: build, report: report))
      guard !recorded.isEmpty else { return .stale }
      try connection.run(PublicationStatements.Succeed(job: job, attempt: attempt, build: build))
      try connection.run(SettlementStatements.Clear(builder: builder, isSuccess: true))
      return .checked(build: build)
    }
  }
}

enum CheckStatements {
  static let all: [any Statement.Type] = [Record.self, OfBuild.self]

  /// One row where the job serves the build, and is only to be checked.
  struct Record: Statement {
    static let sql = """
      INSERT INTO checks AS c (build_id, job_id, attempt, binaries, environment_digest)
      SELECT j.build_id, j.id, $2, $4::jsonb, $5 FROM jobs j
      WHERE j.id = $1 AND j.build_id = $3 AND j.only_check
      ON CONFLICT (build_id) DO UPDATE
        SET job_id = excluded.job_id, attempt = excluded.attempt, binaries = excluded.binaries,
            environment_digest = excluded.environment_digest, checked_at = clock_timestamp()
      RETURNING c.build_id
      """
    let parameters: [PostgresValue]
    init(job: Int64, attempt: Int32, build: Int64, report: BuildReport) throws {
      parameters = [
        .int(job), .int(Int64(attempt)), .int(build),
        .json(storableJSON(try CanonicalJSON.text(report.binaries))),
        .text(storable(report.environment.digest)),
      ]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("build_id")) }
  }

  struct OfBuild: Statement {
    static let sql = """
      SELECT binaries::text AS binaries, checked_at FROM checks WHERE build_id = $1
      """
    let parameters: [PostgresValue]
    init(build: Int64) { parameters = [.int(build)] }
    func decode(_ row: PostgresRow) throws -> StoredCheck {
      StoredCheck(
        binaries: try JSONDecoder().decode(
          [BinaryReport].self, from: Data(try row.text("binaries").utf8)),
        checkedAt: try row.date("checked_at"))
    }
  }
}
