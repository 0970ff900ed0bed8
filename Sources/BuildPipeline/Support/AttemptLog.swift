import Blocking
import FarmModel

/// The log of one attempt, which counts its bytes and stops at the plan's limit.
final class AttemptLog: Sendable {
  private struct State {
    var bytes: Int64 = 0
    var isFull = false
    /// Ended when the limit is reached.
    var waiting: [AsyncStream<Void>.Continuation] = []
  }
  private let limit: Int64
  private let emit: @Sendable (HostEvent) -> Void
  private let state = Locked(State())

  init(limit: Int64, emit: @escaping @Sendable (HostEvent) -> Void) {
    self.limit = limit
    self.emit = emit
  }

  /// Whether something did not fit any more.
  var isFull: Bool { state.withLock(\.isFull) }

  /// Adds a line of the pipeline's own.
  func line(_ text: String) { write(text + "\n") }

  /// Adds text; what goes over the limit is dropped, and said once.
  func write(_ text: String) {
    guard !text.isEmpty else { return }
    let (fits, waiting) = state.withLock { state -> (Bool, [AsyncStream<Void>.Continuation]?) in
      guard !state.isFull else { return (false, nil) }
      state.bytes += Int64(text.utf8.count)
      state.isFull = state.bytes > limit
      return state.isFull ? (false, state.waiting) : (true, nil)
    }
    if fits { emit(.log(text)) }
    guard let waiting else { return }
    emit(.log("\n[the log ends here: its limit of \(limit) bytes is reached]\n"))
    for continuation in waiting { continuation.finish() }
  }

  /// Returns when the limit is reached.
  func untilFull() async throws {
    // A stream for each caller: cancelling a reader ends its stream for good.
    let (reached, continuation) = AsyncStream<Void>.makeStream()
    let isFull = state.withLock { state in
      state.waiting.append(continuation)
      return state.isFull
    }
    if isFull { return }
    for await _ in reached {}
    try Task.checkCancellation()
  }
}
