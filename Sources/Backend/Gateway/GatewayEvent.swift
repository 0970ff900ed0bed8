import BuilderProtocol
import WebSockets

/// What happens to a builder's connection, one after the other.
enum GatewayEvent: Sendable {
  case message(WebSocketMessage)
  /// There may be work.
  case wake
  /// Operators may think otherwise of the builder, or it has connected again.
  case reconsider
  /// Log pieces have waited long enough.
  case flush
  /// A publication or a failure was recorded, or could not be.
  case finished(AttemptReference, Result<FinishOutcome, any Error>)
  /// The time to say who it is has passed.
  case deadline
  case disconnected
}

/// What a builder is told about its `finished`.
enum FinishOutcome: Sendable, Equatable {
  case accepted
  /// The attempt ended otherwise than the builder said, for this reason.
  case rejected(String)
  case stale
}

/// What is yielded by the tasks around a connection, and read by one loop.
struct GatewayMailbox: Sendable {
  let events: AsyncStream<GatewayEvent>
  let post: AsyncStream<GatewayEvent>.Continuation
  private let permits: AsyncStream<Void>
  private let permit: AsyncStream<Void>.Continuation

  init() {
    (events, post) = AsyncStream.makeStream()
    (permits, permit) = AsyncStream.makeStream()
  }

  /// Posts what the builder sends, each message after the one before was handled, so that a builder
  /// that sends faster than it is served is slowed down.
  func deliver(_ messages: WebSocketMessages) async {
    defer { post.yield(.disconnected) }
    var permits = permits.makeAsyncIterator()
    do {
      for try await message in messages {
        post.yield(.message(message))
        guard await permits.next() != nil else { return }
      }
    } catch {
      // The connection is gone or the peer broke the protocol: either way it is over.
    }
  }

  /// The message was handled: the next one may come.
  func handled() { permit.yield() }
}
