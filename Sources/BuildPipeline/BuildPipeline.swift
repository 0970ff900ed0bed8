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
      let failure = executorFailure(of: error)
      attempt.log.line("\(failure)")
      return (.failed(failure.failureClass, message: failure.message), nil)
    }
  }

  /// Makes an environment ready and tears it down again, so that a later build starts at once.
  ///
  /// - Parameter emit: receives what the module logs, from any thread; must not block.
  /// - Returns: The final event.
  public static func prepare(
    _ request: HostPrepareRequest, module: any ExecutorModule,
    emit: @escaping @Sendable (HostEvent) -> Void
  ) async -> HostEvent {
    let name = module.describe().name
    do {
      let (scratch, cache) = (request.workDirectory, "\(request.cacheDirectory)/\(name)")
      try makeFolders([scratch, cache])
      let environment = try await module.prepare(
        PrepareRequest(
          identity: request.identity, plan: request.plan, limits: request.plan.limits, mounts: [],
          scratchDirectory: scratch, cacheDirectory: cache, filesDirectory: request.filesDirectory)
      ) { emit(.log($0)) }
      // A task of its own, waited for: tearing down must go on where the work was cancelled.
      await Task { await environment.tearDown() }.value
      return .prepared(environment.identity)
    } catch {
      let failure = executorFailure(of: error)
      return .finished(.failed(failure.failureClass, message: failure.message), nil)
    }
  }

  private static let cancelled = ExecutorFailure(.cancelled, "the attempt was cancelled")

  private static func executorFailure(of error: any Error) -> ExecutorFailure {
    if Task.isCancelled || error is CancellationError { return cancelled }
    return error as? ExecutorFailure ?? ExecutorFailure(.infrastructure, "\(error)")
  }
}
