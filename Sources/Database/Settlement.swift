import BuilderProtocol
import ExecutorKit
import FarmModel
import Foundation
import Postgres
import Scheduling

/// Why a pending job is not to be claimed.
public enum JobHold: String, Sendable, Codable {
  /// It waits for `not_before`.
  case backoff
  /// It failed for want of infrastructure on several builders: an operator has to look.
  case suspect
}

/// What becomes of a job after a failed attempt.
struct Settlement: Sendable, Equatable {
  var state: JobState
  /// Nil: as many as before.
  var retriesLeft: Int?
  var doublesLimits = false
  /// The requirement that it has from now on; nil: as before.
  var requirement: Int64?
  var hold: JobHold?
  var pauseSeconds = 0.0
  /// A builder that is not to try it again.
  var avoid: Int64?
}

extension FarmDatabase {
  /// Ends an attempt that failed, decides what becomes of its job and what it means for its builder.
  func settle(
    _ current: LeaseStatements.Lock.Row, job: Int64, attempt: Int32, builder: Int64,
    failure: ExecutorFailure, on connection: isolated PostgresConnection
  ) throws -> JobState {
    var failure = failure
    try connection.run(LeaseStatements.EndAttempt(job: job, attempt: attempt, failure: failure))
    let settlement = try settlement(
      of: current, job: job, builder: builder, failure: &failure, on: connection)
    try connection.run(
      LeaseStatements.EndJob(job: job, settlement: settlement, failure: failure))
    try judge(
      builder, failure.failureClass, current, job: job, isSuspect: settlement.hold == .suspect,
      on: connection)
    if settlement.state == .pending, settlement.hold == nil {
      try connection.wake([settlement.requirement ?? current.requirementID])
    }
    return settlement.state
  }

  private func settlement(
    of current: LeaseStatements.Lock.Row, job: Int64, builder: Int64,
    failure: inout ExecutorFailure, on connection: isolated PostgresConnection
  ) throws -> Settlement {
    if current.cancelRequested { return Settlement(state: .cancelled) }
    // An end that somebody asked for and then did not want any more is nobody's decision: it is tried
    // again, as after a lease that was lost.
    let failureClass = failure.failureClass == .cancelled ? .leaseLost : failure.failureClass
    let decision = retryPolicy.decide(
      failureClass, retriesLeft: current.retriesLeft,
      limitsWereDoubled: current.limitsDoubled)
    switch decision {
    case .cancel: return Settlement(state: .cancelled)
    case .fail: return Settlement(state: .failed)
    case .retry(_, let left, doublesLimits: true):
      guard let larger = try largerRequirement(current.requirementID, on: connection) else {
        failure.message += "; no approved builder has twice the memory for another try"
        return Settlement(state: .failed)
      }
      return Settlement(
        state: .pending, retriesLeft: left, doublesLimits: true, requirement: larger)
    case .retry(let pause, let left, _):
      let builders =
        try connection.run(
          SettlementStatements.FailedBuilders(job: job, after: current.forgivenAttempt)
        ).first ?? 0
      if quarantinePolicy.isSuspect(builders: builders) {
        return Settlement(state: .pending, retriesLeft: left, hold: .suspect)
      }
      return Settlement(
        state: .pending, retriesLeft: left, hold: pause > 0 ? .backoff : nil, pauseSeconds: pause,
        avoid: builder)
    }
  }

  /// The number of the requirement for a try with twice the memory; nil: no approved builder has it.
  private func largerRequirement(
    _ id: Int64, on connection: isolated PostgresConnection
  ) throws -> Int64? {
    guard let stored = try connection.run(RequirementStatements.Find(id: id)).first else {
      return nil
    }
    let larger = stored.requirement.doubled
    let profiles = try connection.run(SettlementStatements.Profiles())
    guard larger != stored.requirement,
      profiles.contains(where: { $0.obstacle(to: larger) == nil })
    else { return nil }
    return try connection.number(of: larger)
  }

  /// Counts an attempt for or against its builder.
  private func judge(
    _ builder: Int64, _ failureClass: FailureClass, _ current: LeaseStatements.Lock.Row, job: Int64,
    isSuspect: Bool, on connection: isolated PostgresConnection
  ) throws {
    if isSuspect {
      // It was the job, not they.
      try connection.run(SettlementStatements.Acquit(crate: current.crateID, job: job))
      return
    }
    switch failureClass {
    case .infrastructure, .leaseLost:
      guard let record = try connection.run(SettlementStatements.Record(builder: builder)).first
      else { return }
      let (new, pause) = quarantinePolicy.failed(record, crate: current.crateID)
      try connection.run(
        SettlementStatements.SetRecord(builder: builder, record: new, pauseSeconds: pause))
    case .cancelled: break
    default:
      try connection.run(SettlementStatements.Clear(builder: builder, isSuccess: false))
    }
  }

  /// Lets jobs go whose pause is over, and forgets builders that are to be avoided where no other one has
  /// come for long; wakes idle builders.
  ///
  /// - Returns: how many jobs may be claimed now that could not before.
  public func releaseHeldJobs(limit: Int = 1000) async throws -> Int {
    try await pool.transaction { connection in
      let released = try connection.run(SettlementStatements.Release(limit: limit))
      let forgotten = try connection.run(
        SettlementStatements.ForgetAvoided(seconds: avoidanceSeconds, limit: limit))
      try connection.wake(Set(released + forgotten))
      return released.count + forgotten.count
    }
  }
}

enum SettlementStatements {
  static let all: [any Statement.Type] = [
    FailedBuilders.self, Profiles.self, Record.self, SetRecord.self, Clear.self, Acquit.self,
    Release.self, ForgetAvoided.self,
  ]

  /// On how many builders a job has failed for want of infrastructure.
  struct FailedBuilders: Statement {
    static let sql = """
      SELECT count(DISTINCT builder_id) AS builders FROM attempts
      WHERE job_id = $1 AND attempt > $2 AND failure_class = 'infrastructure'
      """
    let parameters: [PostgresValue]
    init(job: Int64, after attempt: Int32) { parameters = [.int(job), .int(Int64(attempt))] }
    func decode(_ row: PostgresRow) throws -> Int { try row.int("builders") }
  }

  /// What approved builders have.
  struct Profiles: Statement {
    static let sql = """
      SELECT capabilities::text AS capabilities FROM builders
      WHERE state = 'approved' AND NOT draining AND capabilities IS NOT NULL
      """
    func decode(_ row: PostgresRow) throws -> Capabilities {
      try JSONDecoder().decode(
        Capabilities.self, from: Data(try row.text("capabilities").utf8))
    }
  }

  struct Record: Statement {
    static let sql =
      "SELECT failed_crates, quarantines FROM builders WHERE id = $1 FOR NO KEY UPDATE"
    let parameters: [PostgresValue]
    init(builder: Int64) { parameters = [.int(builder)] }
    func decode(_ row: PostgresRow) throws -> BuilderRecord {
      BuilderRecord(
        failedCrates: try row.intArray("failed_crates").map(Int64.init),
        quarantines: try row.int("quarantines"))
    }
  }

  struct SetRecord: Statement {
    static let sql = """
      UPDATE builders SET failed_crates = $2, quarantines = $3,
        quarantined_until = CASE WHEN $4::float8 > 0 THEN clock_timestamp() + make_interval(secs => $4)
                                 ELSE quarantined_until END
      WHERE id = $1
      """
    let parameters: [PostgresValue]
    init(builder: Int64, record: BuilderRecord, pauseSeconds: Double) {
      parameters = [
        .int(builder), .intArray(record.failedCrates), .int(record.quarantines),
        .double(pauseSeconds),
      ]
    }
  }

  /// An attempt ended in another way; writes nothing where there is nothing to forget.
  struct Clear: Statement {
    static let sql = """
      UPDATE builders SET failed_crates = '{}',
        quarantines = CASE WHEN $2 THEN 0 ELSE quarantines END,
        quarantined_until = CASE WHEN $2 THEN NULL ELSE quarantined_until END
      WHERE id = $1 AND (failed_crates <> '{}' OR ($2 AND quarantines > 0))
      """
    let parameters: [PostgresValue]
    init(builder: Int64, isSuccess: Bool) { parameters = [.int(builder), .bool(isSuccess)] }
  }

  /// A job turned out to be the culprit: its crate is taken off the records of its builders.
  struct Acquit: Statement {
    static let sql = """
      UPDATE builders SET failed_crates = array_remove(failed_crates, $1)
      WHERE id IN (SELECT builder_id FROM attempts WHERE job_id = $2) AND $1 = ANY (failed_crates)
      """
    let parameters: [PostgresValue]
    init(crate: Int64, job: Int64) { parameters = [.int(crate), .int(job)] }
  }

  struct Release: Statement {
    static let sql = """
      UPDATE jobs j SET hold = NULL, not_before = NULL, updated_at = clock_timestamp(),
        avoid = CASE WHEN EXISTS (
          SELECT FROM builders b
          WHERE b.state = 'approved' AND NOT b.draining AND b.id <> ALL (j.avoid)
            AND b.last_seen_at > clock_timestamp() - interval '1 minute'
            AND b.capabilities -> 'targets' @> jsonb_build_array(
              jsonb_build_object('triple', j.target, 'module', j.executor))
        ) THEN j.avoid ELSE '{}' END
      WHERE j.id IN (SELECT id FROM jobs
                     WHERE hold = 'backoff' AND not_before <= clock_timestamp()
                     ORDER BY not_before LIMIT $1 FOR UPDATE SKIP LOCKED)
      RETURNING j.requirement_id
      """
    let parameters: [PostgresValue]
    init(limit: Int) { parameters = [.int(limit)] }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("requirement_id")) }
  }

  struct ForgetAvoided: Statement {
    static let sql = """
      UPDATE jobs SET avoid = '{}', updated_at = clock_timestamp()
      WHERE id IN (SELECT id FROM jobs
                   WHERE state = 'pending' AND avoid <> '{}' AND hold IS NULL
                     AND updated_at < clock_timestamp() - make_interval(secs => $1)
                   ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED)
      RETURNING requirement_id
      """
    let parameters: [PostgresValue]
    init(seconds: Double, limit: Int) { parameters = [.double(seconds), .int(limit)] }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("requirement_id")) }
  }
}
