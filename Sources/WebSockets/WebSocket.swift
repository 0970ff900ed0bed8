import NIOCore
import NIOWebSocket

/// One side of an open WebSocket connection (RFC 6455). Pings are sent and answered by themselves.
public struct WebSocket: Sendable {
  let outbound: NIOAsyncChannelOutboundWriter<WebSocketMessage>
  let channel: any Channel
  let maximumMessageBytes: Int

  /// Sends one message; waits while the peer does not read.
  ///
  /// What is sent while the connection ends may be lost: the end shows in ``WebSocketMessages``.
  /// - Throws: ``WebSocketError/messageTooLarge(bytes:limit:)``, ``WebSocketError/connectionLost``,
  ///   or `CancellationError`.
  public func send(_ message: WebSocketMessage) async throws {
    guard message.size <= maximumMessageBytes else {
      throw WebSocketError.messageTooLarge(bytes: message.size, limit: maximumMessageBytes)
    }
    do { try await outbound.write(message) } catch let error as CancellationError {
      throw error
    } catch {
      throw WebSocketError.connectionLost
    }
  }

  /// Sends one text message.
  public func send(_ text: String) async throws { try await send(.text(text)) }

  /// Sends a close frame behind what has been sent. The messages end when the peer has answered, or
  /// after the close timeout. The first call counts; the reason is cut to 123 bytes.
  public func close(_ code: WebSocketCloseCode = .normal, reason: String = "") {
    let code = code.isSendable ? code : .internalError
    channel.triggerUserOutboundEvent(CloseRequest(code: code, reason: reason), promise: nil)
  }

  /// The peer's address, such as `127.0.0.1:40312`; empty where there is none.
  public var remoteAddress: String {
    guard let address = channel.remoteAddress, let host = address.ipAddress else { return "" }
    return "\(host):\(address.port ?? 0)"
  }
}

/// What the peer sends, in order; to be read by one task. The peer is slowed down when nobody reads.
///
/// The sequence ends when the connection was closed in peace (1000, 1001 or no code), and throws
/// ``WebSocketError`` when it was closed otherwise, lost, or broke the protocol.
public struct WebSocketMessages: AsyncSequence, Sendable {
  public typealias Element = WebSocketMessage
  let inbound: NIOAsyncChannelInboundStream<InboundItem>

  /// The reader's position. Make one only.
  public struct AsyncIterator: AsyncIteratorProtocol {
    var base: NIOAsyncChannelInboundStream<InboundItem>.AsyncIterator
    private var isOver = false

    init(base: NIOAsyncChannelInboundStream<InboundItem>.AsyncIterator) { self.base = base }

    /// The next message; nil after a peaceful end.
    public mutating func next() async throws -> WebSocketMessage? {
      try await next(isolation: #isolation)
    }

    /// The next message; nil after a peaceful end.
    public mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws -> WebSocketMessage? {
      if isOver { return nil }
      switch try await base.next(isolation: actor) {
      case .message(let message)?: return message
      case .ended(let error)?:
        isOver = true
        if let error { throw error }
        return nil
      case nil:
        isOver = true
        try Task.checkCancellation()
        throw WebSocketError.connectionLost
      }
    }
  }

  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(base: inbound.makeAsyncIterator())
  }
}

extension Channel {
  /// Adds message handling behind NIO's frame coders. Call it on the event loop.
  func addWebSocketHandlers(role: WebSocketRole, configuration: WebSocketConfiguration) throws
    -> NIOAsyncChannel<InboundItem, WebSocketMessage>
  {
    try pipeline.syncOperations.addHandler(
      FrameHandler(role: role, configuration: configuration))
    return try NIOAsyncChannel(wrappingChannelSynchronously: self)
  }
}

/// Runs `body` on an open connection and closes it afterwards: with 1000 when it returns, 1011 when
/// it throws.
func withWebSocket<Result>(
  _ channel: NIOAsyncChannel<InboundItem, WebSocketMessage>,
  _ configuration: WebSocketConfiguration,
  _ body: (WebSocket, WebSocketMessages) async throws -> Result
) async throws -> Result {
  try await channel.executeThenClose { inbound, outbound in
    let socket = WebSocket(
      outbound: outbound, channel: channel.channel,
      maximumMessageBytes: configuration.maximumMessageBytes)
    do {
      let result = try await body(socket, WebSocketMessages(inbound: inbound))
      await finish(socket, .normal)
      return result
    } catch {
      await finish(socket, error is CancellationError ? .goingAway : .internalError)
      throw error
    }
  }
}

/// Closes and waits for the end of the connection, which the close timeout bounds.
private func finish(_ socket: WebSocket, _ code: WebSocketCloseCode) async {
  socket.close(code)
  try? await socket.channel.closeFuture.get()
}
