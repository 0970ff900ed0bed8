import BuilderProtocol
import ExecutorKit
import FarmModel
import SimulatedBuilders
import Synchronization
import Transfer

/// How a simulated builder ends its jobs.
enum JobEnding: String, Sendable, Encodable {
  /// A failure of the crate itself: final, and nothing is uploaded.
  case compileFailure
  /// One small file is uploaded, signed and published.
  case success
}

/// A job that went from `assign` to `accepted`.
struct FinishedJob: Sendable {
  /// From the wish for work to `assign`; nil where the wish was sent before the job before it had ended.
  var claim: Duration?
  var accepted: ContinuousClock.Instant
}

/// A builder that takes one job after the other and builds nothing.
struct WorkingBuilder: Sendable {
  let simulated: SimulatedBuilder
  let url: String
  let ending: JobEnding
  /// Whether it asks for the next job only after the end of the one before was accepted, so that the
  /// time from `ready` to `assign` is that of a claim. A real builder sends `ready` right after
  /// `finished`.
  let asksAlone: Bool
  let client: TransferClient

  /// Works until `signal` is raised, then ends what it has begun.
  ///
  /// - Parameter connected: called once it is let in.
  func work(until signal: StopSignal, connected: @Sendable () -> Void) async throws
    -> [FinishedJob]
  {
    try await simulated.connect(to: url) { session in
      guard case .welcome = try await session.next() else {
        throw BenchFailure("the builder was not let in")
      }
      try await session.send(.capabilities(simulated.capabilities))
      connected()
      var jobs: [FinishedJob] = []
      var asked: ContinuousClock.Instant? = .now
      try await session.send(.ready(Ready(slots: 1)))
      while true {
        let job = try await session.assigned()
        let claim = asked.map { ContinuousClock.now - $0 }
        // What a real builder says once its only slot is taken.
        try await session.send(.ready(Ready(slots: 0)))
        let isLast = signal.isLast()
        try await finish(job, in: session)
        if !asksAlone, !isLast { try await session.send(.ready(Ready(slots: 1))) }
        guard case .accepted = try await answer(session) else {
          throw BenchFailure("the end of a job was not accepted")
        }
        jobs.append(FinishedJob(claim: claim, accepted: .now))
        if isLast { return jobs }
        asked = asksAlone ? .now : nil
        if asksAlone { try await session.send(.ready(Ready(slots: 1))) }
      }
    }
  }

  /// Works until it has ended so many jobs.
  func work(jobs count: Int) async throws -> [FinishedJob] {
    let signal = StopSignal(after: count)
    return try await work(until: signal) {}
  }

  private func finish(_ job: AssignedJob, in session: SimulatedSession) async throws {
    let outcome: AttemptOutcome
    var report: BuildReport?
    switch ending {
    case .compileFailure: outcome = .failed(.compile, message: "error: could not compile")
    case .success:
      let bytes = Array("the archive of job \(job.job)".utf8)
      let status = try await job.upload(bytes, by: client)
      guard status == 201 else { throw BenchFailure("an upload was answered with \(status)") }
      outcome = .succeeded
      report = job.report(bytes)
    }
    try await session.send(
      .finished(
        Finished(job: job.job, attempt: job.attempt, outcome: outcome, report: report)))
  }

  private func answer(_ session: SimulatedSession) async throws -> BackendMessage {
    while true {
      switch try await session.next() {
      case .renewed, .logReceived, .resumed: continue
      case let message: return message
      }
    }
  }
}

/// Tells builders when to stop: raised by whoever watches them, or after so many jobs.
final class StopSignal: Sendable {
  private let jobsLeft: Mutex<Int>

  init(after jobs: Int = .max) { jobsLeft = Mutex(jobs) }

  func raise() { jobsLeft.withLock { $0 = 0 } }

  /// Counts one job; whether it is the last one that its builder is to end.
  func isLast() -> Bool {
    jobsLeft.withLock { left in
      left = max(0, left - 1)
      return left == 0
    }
  }
}
