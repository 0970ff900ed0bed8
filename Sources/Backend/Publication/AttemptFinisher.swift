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
  let logger: Logger

  /// Idempotent: the same `finished` again, even after a crash between two steps, is accepted and
  /// publishes nothing twice.
  func finish(_ finished: Finished, builder: Int64) async throws -> FinishOutcome {
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
