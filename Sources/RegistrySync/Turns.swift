import Blocking

/// Lets one task at a time do something that waits for others, in the order in which they come.
///
/// Who waits for a turn does so even when it is cancelled: turns are short.
final class Turns: Sendable {
  private struct State {
    var isTaken = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Locked(State())

  /// - Throws: what `body` throws.
  func alone<Result: Sendable>(
    _ body: () async throws(SyncError) -> Result
  ) async throws(SyncError) -> Result {
    await take()
    defer { pass() }
    return try await body()
  }

  private func take() async {
    await withCheckedContinuation { turn in
      let isMine = state.withLock { state in
        defer { state.isTaken = true }
        if state.isTaken { state.waiting.append(turn) }
        return !state.isTaken
      }
      if isMine { turn.resume() }
    }
  }

  private func pass() {
    let next = state.withLock { state in
      state.isTaken = !state.waiting.isEmpty
      return state.isTaken ? state.waiting.removeFirst() : nil
    }
    next?.resume()
  }
}
