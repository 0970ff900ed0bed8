import BuilderProtocol
import FarmModel
import Foundation
import Postgres
import Scheduling

/// Why a job is where it is, and when it may begin.
public struct JobOutlook: Sendable, Equatable {
  /// For people, one sentence.
  public var why: String
  /// Seconds until it begins, by what jobs of its target have taken of late; nil: that cannot be told.
  public var startsInSeconds: Double?
}

extension FarmDatabase {
  /// Heartbeats come every 15 s: who was heard of within so many seconds is there.
  private static let presentSeconds = 120

  /// Looks at jobs as an operator does: all that is needed is read once for all of them.
  ///
  /// - Parameter limits: by target, how many jobs may run at once, for targets that have such a limit.
  /// - Returns: by the jobs' numbers.
  public func outlook(
    of jobs: [StoredJob], limits: [String: Int] = [:]
  ) async throws -> [Int64: JobOutlook] {
    guard jobs.contains(where: { $0.state == .pending }) else {
      return Dictionary(jobs.map { ($0.id, Outlook.ended($0)) }) { first, _ in first }
    }
    let requirements = Dictionary(
      try await requirements().map { ($0.id, $0.requirement) }
    ) { first, _ in first }
    let limited = Set(jobs.map(\.target)).filter { limits[$0] != nil }
    let running =
      limited.isEmpty ? [] : try await pool.run(OutlookStatements.Running(targets: limited))
    let outlook = Outlook(
      requirements: requirements,
      builders: try await pool.run(OutlookStatements.Present(seconds: Self.presentSeconds)),
      pace: Dictionary(try await pool.run(OutlookStatements.Pace())) { first, _ in first },
      limits: limits, running: Dictionary(running) { first, _ in first })
    return Dictionary(jobs.map { ($0.id, outlook.of($0)) }) { first, _ in first }
  }
}

/// What an outlook is made from. Pure.
struct Outlook {
  var requirements: [Int64: JobRequirement]
  /// Approved builders that were heard of lately.
  var builders: [PresentBuilder]
  /// By target, how many seconds a job has taken of late.
  var pace: [String: Double]
  /// By target, how many jobs may run at once; a target without a limit is not there.
  var limits: [String: Int] = [:]
  /// By target that has a limit, how many run.
  var running: [String: Int] = [:]

  /// Of a job that does not wait.
  static func ended(_ job: StoredJob) -> JobOutlook {
    let failure = job.failureClass.map { "\($0): \(job.failureMessage ?? "")" }
    let why =
      switch job.state {
      case .leased: "a builder works on attempt \(job.attempt)"
      case .succeeded: job.verifies == nil ? "published" : "compared with the published build"
      case .failed:
        (job.isOnlyCheck ? "what is published stays, but its check failed: " : "")
          + (failure ?? "failed")
      case .cancelled: "yanked, skipped by the recipes, or cancelled by an operator"
      case .pending: failure ?? "waits"
      }
    return JobOutlook(why: why)
  }

  func of(_ job: StoredJob, now: Date = Date()) -> JobOutlook {
    guard job.state == .pending else { return Self.ended(job) }
    var outlook = waiting(job, now: now)
    if job.isOnlyCheck { outlook.why = "published, to be checked once more: " + outlook.why }
    return outlook
  }

  private func waiting(_ job: StoredJob, now: Date) -> JobOutlook {
    let failure =
      job.failureMessage.map { " after \(job.failureClass ?? "a failure"): \($0)" } ?? ""
    switch job.hold {
    case .suspect?:
      return JobOutlook(
        why: "suspect: held until `buildsrs jobs retry \(job.id)` or `cancel`\(failure)")
    case .backoff?:
      let wait = max(0, job.notBefore?.timeIntervalSince(now) ?? 0)
      return JobOutlook(
        why: "tried again in \(Int(wait.rounded(.up))) s\(failure)", startsInSeconds: wait)
    case nil: break
    }
    guard let requirement = requirements[job.requirementID] else { return Self.ended(job) }
    if let reason = Matching.reason(requirement, builders: builders.map(\.capabilities)) {
      return JobOutlook(why: reason)
    }
    let all = builders.filter { $0.capabilities.obstacle(to: requirement) == nil }
    let able = all.filter { !job.avoids.contains($0.id) }
    guard !able.isEmpty else {
      let names = all.map(\.name).sorted().joined(separator: ", ")
      return JobOutlook(
        why: job.verifies == nil
          ? "waits for a builder other than \(names), where it has failed, and is tried there again if "
            + "none comes"
          : "waits for a builder other than \(names), which built what is to be compared")
    }
    let working = able.filter { $0.pauseSeconds == 0 }
    guard !working.isEmpty else {
      let pause = able.map(\.pauseSeconds).min() ?? 0
      return JobOutlook(
        why: "the builders that can do it pause after failures of their own, the first one for "
          + "\(Int(pause.rounded(.up))) s more", startsInSeconds: pause)
    }
    let limit = limits[job.target] ?? .max
    let slots = min(limit, working.reduce(0) { $0 + $1.capabilities.slots })
    let position = job.position ?? 0
    let seconds = StartEstimate.seconds(
      position: position, slots: slots, secondsPerJob: pace[job.target])
    let isFull = (running[job.target] ?? 0) >= limit
    let place =
      position == 0 ? "next for its target" : "\(position) jobs of its target come before it"
    return JobOutlook(
      why: isFull ? "\(place); no more than \(limit) run at once (`concurrent`)" : place,
      startsInSeconds: seconds)
  }
}

/// A builder that takes jobs, now or after a pause.
struct PresentBuilder: Sendable {
  var id: Int64
  var name: String
  var capabilities: Capabilities
  /// For how long it still gets no job, after failures of its own.
  var pauseSeconds: Double
}

enum OutlookStatements {
  static let all: [any Statement.Type] = [Pace.self, Present.self, Running.self]

  /// Approved builders that do not drain and were heard of within so many seconds.
  struct Present: Statement {
    static let sql = """
      SELECT id, name, capabilities::text AS capabilities,
        greatest(0, coalesce(extract(epoch FROM quarantined_until - clock_timestamp()), 0))::float8 AS pause
      FROM builders
      WHERE state = 'approved' AND NOT draining AND capabilities IS NOT NULL
        AND last_seen_at > clock_timestamp() - make_interval(secs => $1)
      """
    let parameters: [PostgresValue]
    init(seconds: Int) { parameters = [.double(Double(seconds))] }
    func decode(_ row: PostgresRow) throws -> PresentBuilder {
      PresentBuilder(
        id: Int64(try row.int("id")), name: try row.text("name"),
        capabilities: try JSONDecoder().decode(
          Capabilities.self, from: Data(try row.text("capabilities").utf8)),
        pauseSeconds: try row.double("pause"))
    }
  }

  /// How many jobs of each of these targets run.
  struct Running: Statement {
    static let sql = """
      SELECT target, count(*) AS running FROM jobs
      WHERE state = 'leased' AND target = ANY ($1::text[]) GROUP BY target
      """
    let parameters: [PostgresValue]
    init(targets: Set<String>) { parameters = [.textArray(targets.sorted())] }
    func decode(_ row: PostgresRow) throws -> (String, Int) {
      (try row.text("target"), try row.int("running"))
    }
  }

  /// How long the last attempts to build have taken, by target.
  struct Pace: Statement {
    static let sql = """
      SELECT j.target, avg(extract(epoch FROM a.finished_at - a.started_at))::float8 AS seconds
      FROM (SELECT job_id, started_at, finished_at FROM attempts
            WHERE finished_at IS NOT NULL AND NOT is_check ORDER BY finished_at DESC LIMIT 500) AS a
      JOIN jobs j ON j.id = a.job_id GROUP BY j.target
      """
    func decode(_ row: PostgresRow) throws -> (String, Double) {
      (try row.text("target"), try row.double("seconds"))
    }
  }
}
