import Synchronization

/// Asks an attempt's child and uploads to stop. Any number of callers and waiters.
public final class HostControl: Sendable {
  private struct State {
    var isCancelled = false
    var waiters: [AsyncStream<Void>.Continuation] = []
  }
  private let state = Mutex(State())

  public init() {}

  public func cancel() {
    let waiters = state.withLock { state in
      state.isCancelled = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.finish() }
  }

  /// Returns true once ``cancel()`` has been called, false when the task is cancelled before.
  func wasCancelled() async -> Bool {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    let isCancelled = state.withLock { state in
      if !state.isCancelled { state.waiters.append(continuation) }
      return state.isCancelled
    }
    if isCancelled { return true }
    for await _ in stream {}
    return state.withLock { $0.isCancelled }
  }
}
