public import ExecutorKit
public import FarmModel

/// The stages of a build, the same for every executor module.
public enum BuildPipeline {
  /// Runs one attempt from the `.crate` to the files to upload, and tears down in every case.
  ///
  /// Never throws: what goes wrong is the outcome. Cancelling the surrounding task ends it with
  /// ``FailureClass/cancelled``. The report is there when the outcome is `succeeded`.
  /// - Parameter emit: receives stages and pieces of the log, from any thread; must not block.
  public static func run(
    _ request: HostBuildRequest, module: any ExecutorModule,
    emit: @escaping @Sendable (HostEvent) -> Void
  ) async -> (AttemptOutcome, BuildReport?) {
    let attempt = Attempt(request: request, module: module, emit: emit)
    do {
      return (.succeeded, try await attempt.run())
    } catch {
      let failure = Task.isCancelled ? cancelled : executorFailure(of: error)
      attempt.log.line("\(failure)")
      return (.failed(failure.failureClass, message: failure.message), nil)
    }
  }

  private static let cancelled = ExecutorFailure(.cancelled, "the attempt was cancelled")

  private static func executorFailure(of error: any Error) -> ExecutorFailure {
    if error is CancellationError { return cancelled }
    return error as? ExecutorFailure ?? ExecutorFailure(.infrastructure, "\(error)")
  }
}
