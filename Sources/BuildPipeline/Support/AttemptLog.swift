import FarmModel

/// The log of one attempt, which counts its bytes and stops at the plan's limit.
final class AttemptLog: Sendable {
  private struct State {
    var bytes: Int64 = 0
    var isFull = false
  }
  private let limit: Int64
  private let emit: @Sendable (HostEvent) -> Void
  private let state = Locked(State())
  private let full: AsyncStream<Void>
  private let fullContinuation: AsyncStream<Void>.Continuation

  init(limit: Int64, emit: @escaping @Sendable (HostEvent) -> Void) {
    self.limit = limit
    self.emit = emit
    (full, fullContinuation) = AsyncStream.makeStream()
  }

  /// Whether something did not fit any more.
  var isFull: Bool { state.withLock(\.isFull) }

  /// Adds a line of the pipeline's own.
  func line(_ text: String) { write(text + "\n") }

  /// Adds text; what goes over the limit is dropped, and said once.
  func write(_ text: String) {
    guard !text.isEmpty else { return }
    let (fits, isFirstToFail) = state.withLock { state in
      guard !state.isFull else { return (false, false) }
      state.bytes += Int64(text.utf8.count)
      state.isFull = state.bytes > limit
      return (!state.isFull, state.isFull)
    }
    if fits { emit(.log(text)) }
    if isFirstToFail {
      emit(.log("\n[the log ends here: its limit of \(limit) bytes is reached]\n"))
      fullContinuation.finish()
    }
  }

  /// Returns when the limit is reached. Only one task may wait at a time.
  func untilFull() async throws {
    if isFull { return }
    for await _ in full {}
    try Task.checkCancellation()
  }
}
