/// The bytes of a stream between the curl thread, which fills it, and one reader.
///
/// The filling side is told to pause at `highWater` bytes and is resumed by the reader.
final class StreamBuffer: Sendable {
  typealias Item = Result<[UInt8]?, TransferError>

  private struct State {
    var bytes: [UInt8] = []
    var paused = false
    var end: TransferError??
    var reader: CheckedContinuation<Item, Never>?
  }

  /// What a reader finds.
  private enum Step {
    case item(Item, resume: Bool)
    case wait(resume: Bool)
    case busy
  }

  private let state = Locked(State())
  private let highWater: Int

  init(highWater: Int = 256 << 10) {
    self.highWater = highWater
  }

  /// Takes a chunk, or refuses it when the buffer is full: the caller then pauses.
  func push(_ chunk: [UInt8]) -> Bool {
    let (taken, reader) = state.withLock { state in
      if let reader = state.reader {
        state.reader = nil
        return (true, Optional(reader))
      }
      if state.bytes.count >= highWater {
        state.paused = true
        return (false, nil)
      }
      state.bytes += chunk
      return (true, nil)
    }
    reader?.resume(returning: .success(chunk))
    return taken
  }

  /// Ends the stream: after what is buffered the reader gets nil, or the error.
  /// Only the first call counts.
  func finish(_ error: TransferError?) {
    let reader = state.withLock { state -> CheckedContinuation<Item, Never>? in
      guard state.end == nil else { return nil }
      state.end = .some(error)
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume(returning: Self.item(for: error))
  }

  /// All that is buffered, or the next chunk. `resume` is called when the filling side was paused and may go on.
  func next(request: TransferRequest, resume: () -> Void) async -> Item {
    await withCheckedContinuation { continuation in
      switch state.withLock({ Self.step(&$0, continuation) }) {
      case .item(let item, let goOn):
        continuation.resume(returning: item)
        if goOn { resume() }
      case .wait(let goOn):
        if goOn { resume() }
      case .busy:
        let message = "two tasks read one stream at the same time"
        continuation.resume(
          returning: .failure(TransferError(.other(code: 0, message: message), of: request)))
      }
    }
  }

  private static func step(
    _ state: inout State, _ continuation: CheckedContinuation<Item, Never>
  ) -> Step {
    if state.reader != nil { return .busy }
    let goOn = state.paused
    if !state.bytes.isEmpty {
      defer { (state.bytes, state.paused) = ([], false) }
      return .item(.success(state.bytes), resume: goOn)
    }
    if let end = state.end { return .item(item(for: end), resume: false) }
    (state.reader, state.paused) = (continuation, false)
    return .wait(resume: goOn)
  }

  private static func item(for error: TransferError?) -> Item {
    error.map { .failure($0) } ?? .success(nil)
  }
}
