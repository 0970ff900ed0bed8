import BuilderProtocol
import Database
import ExecutorKit
import FarmModel
import Logging

/// Records how an attempt ended, and publishes what it made.
struct AttemptFinisher: Sendable {
  let database: FarmDatabase
  let publisher: Publisher
  let tidier: AttemptTidier
  /// Shared by all builders' connections.
  let failures: Batcher<FinalFailure, EndedFailure?>
  let logger: Logger

  /// Records failures that end their jobs, many at once.
  static func failures(_ database: FarmDatabase) -> Batcher<FinalFailure, EndedFailure?> {
    Batcher(
      largest: 64, canShare: { $0.job != $1.job },
      work: { failures in
        let ended = try await database.endFinally(failures)
        return failures.map { failure in ended.first { $0.job == failure.job } }
      })
  }

  /// Idempotent: the same `finished` again, even after a crash between two steps, is accepted and
  /// publishes nothing twice.
  func finish(_ finished: Finished, builder: Int64) async throws -> FinishOutcome {
    if let ended = try await endFinally(finished, builder: builder) {
      await tidier.tidy(job: ended.job, attempt: ended.attempt, hasRows: ended.hasRows)
      return .accepted
    }
    let outcome: FinishOutcome
    switch (finished.outcome, finished.report) {
    case (.succeeded, let report?):
      outcome = try await publish(finished, report, builder: builder)
    case (.succeeded, nil):
      outcome = try await fail(
        finished, ExecutorFailure(.infrastructure, "the builder sent no report"),
        builder: builder, isRejection: true)
    case (.failed(let failureClass, let message), _):
      outcome = try await fail(
        finished, ExecutorFailure(failureClass, message), builder: builder)
    }
    if outcome != .stale {
      await tidier.tidy(job: finished.job, attempt: finished.attempt)
    }
    return outcome
  }

  /// Nil: the failure is not of that kind, or the lease is not simply held.
  private func endFinally(_ finished: Finished, builder: Int64) async throws -> EndedFailure? {
    guard case .failed(let failureClass, let message) = finished.outcome,
      database.isFinal(failureClass)
    else { return nil }
    let ended = try await failures.run(
      FinalFailure(
        builder: builder, job: finished.job, attempt: finished.attempt,
        failure: ExecutorFailure(failureClass, message)))
    guard let ended else { return nil }
    logger.info(
      "attempt \(ended.attempt) of job \(ended.job) failed, the job is failed",
      metadata: ["failure": "\(failureClass.rawValue)"])
    return ended
  }

  private func publish(_ finished: Finished, _ report: BuildReport, builder: Int64) async throws
    -> FinishOutcome
  {
    do {
      let outcome = try await publisher.publish(
        job: finished.job, attempt: finished.attempt, report: report, builder: builder)
      switch outcome {
      case .published(let build, let revision):
        logger.info(
          "job \(finished.job) is published: build \(build), revision \(revision)")
        return .accepted
      case .verified(let build, let finding):
        logger.info(
          "job \(finished.job) has verified build \(build): \(finding.verdict.rawValue)",
          metadata: ["differing": "\(finding.differing.joined(separator: ", "))"])
        return .accepted
      case .checked(let build):
        logger.info("job \(finished.job) has checked build \(build)")
        return .accepted
      case .alreadyPublished: return .accepted
      case .stale: return .stale
      }
    } catch let problem as PublicationProblem {
      return try await fail(
        finished, ExecutorFailure(.infrastructure, "\(problem)"), builder: builder,
        isRejection: true)
    }
  }

  private func fail(
    _ finished: Finished, _ failure: ExecutorFailure, builder: Int64, isRejection: Bool = false
  ) async throws -> FinishOutcome {
    let state = try await database.fail(
      builder: builder, job: finished.job, attempt: finished.attempt, failure: failure)
    guard let state else { return .stale }
    logger.info(
      "attempt \(finished.attempt) of job \(finished.job) failed, the job is \(state.rawValue)",
      metadata: ["failure": "\(failure.failureClass.rawValue)"])
    return isRejection ? .rejected(failure.message) : .accepted
  }
}
