import NIOCore
import NIOWebSocket

/// What a connection's reader gets.
enum InboundItem: Sendable {
  case message(WebSocketMessage)
  /// The connection is over; nothing follows.
  case ended(WebSocketError?)
}

/// Asks the handler to close the connection; travels as an outbound event, behind what was sent.
struct CloseRequest: Sendable {
  var code: WebSocketCloseCode
  var reason: String
}

/// Between NIO's frames and our messages, on the event loop: masks, pongs, keep-alive, closing.
///
/// Reading stops when nobody takes the messages (NIO's back-pressure); pings that arrive before are
/// answered here, whatever the reader does.
final class FrameHandler: ChannelDuplexHandler {
  typealias InboundIn = WebSocketFrame
  typealias InboundOut = InboundItem
  typealias OutboundIn = WebSocketMessage
  typealias OutboundOut = WebSocketFrame

  private let role: WebSocketRole
  private let configuration: WebSocketConfiguration
  private var assembler: FrameAssembler
  private var keepAlive: RepeatedTask?
  private var closeDeadline: Scheduled<Void>?
  private var lastHeard = ContinuousClock.now
  /// Whether a ping was sent since.
  private var hasPinged = false
  /// Whether somebody waits for more: silence while we do not read is not the peer's.
  private var isReading = true
  private var hasSentClose = false
  /// Whether the reader has been told the end.
  private var hasEnded = false

  init(role: WebSocketRole, configuration: WebSocketConfiguration) {
    self.role = role
    self.configuration = configuration
    assembler = FrameAssembler(role: role, maximumMessageBytes: configuration.maximumMessageBytes)
  }

  // MARK: Life

  func handlerAdded(context: ChannelHandlerContext) {
    let interval = TimeAmount(configuration.silenceLimit / 3)
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    keepAlive = context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) {
      _ in
      let (handler, context) = bound.value
      handler.tick(context)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    keepAlive?.cancel()
    closeDeadline?.cancel()
  }

  private func tick(_ context: ChannelHandlerContext) {
    guard isReading else { return heard() }
    let silence = ContinuousClock.now - lastHeard
    // Where we ourselves were held up (a busy or suspended machine), the peer gets its ping first.
    if hasPinged, silence >= configuration.silenceLimit {
      end(.silent(configuration.silenceLimit), context)
      context.close(promise: nil)
    } else if !hasSentClose, silence >= configuration.silenceLimit / 4 {
      hasPinged = true
      send(.ping, context.channel.allocator.buffer(capacity: 0), context)
    }
  }

  private func heard() {
    lastHeard = .now
    hasPinged = false
  }

  // MARK: Reading

  func read(context: ChannelHandlerContext) {
    isReading = true
    context.read()
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    context.fireChannelReadComplete()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    heard()
    guard !hasEnded else { return answerLateClose(unwrapInboundIn(data), context) }
    switch assembler.receive(unwrapInboundIn(data)) {
    case .nothing: break
    case .message(let message): context.fireChannelRead(wrapInboundOut(.message(message)))
    case .ping(let payload): if !hasSentClose { send(.pong, payload, context) }
    case .closed(let code, let reason): peerClosed(code, reason, context)
    case .violation(let code, let reason):
      end(.violation(code, reason: reason), context)
      close(code, reason, context)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard !hasEnded else { return }
    switch error as? NIOWebSocketError {
    case .invalidFrameLength?:
      let reason = "a message of more than \(configuration.maximumMessageBytes) bytes"
      end(.violation(.messageTooLarge, reason: reason), context)
      close(.messageTooLarge, reason, context)
    case .some:
      end(.violation(.protocolError, reason: "a malformed control frame"), context)
      close(.protocolError, "malformed control frame", context)
    case nil:
      end(.connectionLost, context)
      context.close(promise: nil)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ChannelShouldQuiesceEvent {
      close(.goingAway, "the server stops", context)
    } else if case .inputClosed? = event as? ChannelEvent {
      end(.connectionLost, context)
      context.close(promise: nil)
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    end(.connectionLost, context)
    context.fireChannelInactive()
  }

  /// Tells the reader once how it ended.
  private func end(_ error: WebSocketError?, _ context: ChannelHandlerContext) {
    guard !hasEnded else { return }
    hasEnded = true
    context.fireChannelRead(wrapInboundOut(.ended(error)))
    context.fireChannelReadComplete()
  }

  // MARK: Writing and closing

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard !hasSentClose else {
      promise?.fail(ChannelError.outputClosed)
      return
    }
    let (opcode, payload): (WebSocketOpcode, ByteBuffer) =
      switch unwrapOutboundIn(data) {
      case .text(let text): (.text, context.channel.allocator.buffer(string: text))
      case .binary(let bytes): (.binary, context.channel.allocator.buffer(bytes: bytes))
      }
    context.write(wrapOutboundOut(frame(opcode, payload)), promise: promise)
  }

  func triggerUserOutboundEvent(
    context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?
  ) {
    guard let request = event as? CloseRequest else {
      return context.triggerUserOutboundEvent(event, promise: promise)
    }
    close(request.code, request.reason, context)
    promise?.succeed()
  }

  private func peerClosed(
    _ code: WebSocketCloseCode, _ reason: String, _ context: ChannelHandlerContext
  ) {
    let isPeaceful = hasSentClose || [.normal, .goingAway, .noCode].contains(code)
    end(isPeaceful ? nil : .closed(code, reason: reason), context)
    close(code == .noCode ? .normal : code, "", context)
    finishHandshake(context)
  }

  /// After we have given up a connection, the peer's close frame still ends the wait for it.
  private func answerLateClose(_ frame: WebSocketFrame, _ context: ChannelHandlerContext) {
    if frame.opcode == .connectionClose { finishHandshake(context) }
  }

  /// Sends the close frame, once, and gives the peer its time to answer.
  private func close(
    _ code: WebSocketCloseCode, _ reason: String, _ context: ChannelHandlerContext
  ) {
    guard !hasSentClose else { return }
    var payload = context.channel.allocator.buffer(capacity: 125)
    payload.writeInteger(code.rawValue)
    payload.writeString(Self.shortened(reason))
    send(.connectionClose, payload, context)
    hasSentClose = true
    closeAfter(configuration.closeTimeout, context)
  }

  /// Both close frames have passed: the server ends the connection, the client waits for that
  /// (section 7.1.1).
  private func finishHandshake(_ context: ChannelHandlerContext) {
    if role == .server { context.close(mode: .all, promise: nil) }
  }

  private func closeAfter(_ time: Duration, _ context: ChannelHandlerContext) {
    let channel = context.channel
    closeDeadline = context.eventLoop.scheduleTask(in: TimeAmount(time)) {
      channel.close(promise: nil)
    }
    // The answer must be read even if nobody takes messages any more.
    context.read()
  }

  private func send(
    _ opcode: WebSocketOpcode, _ payload: ByteBuffer, _ context: ChannelHandlerContext
  ) {
    context.writeAndFlush(wrapOutboundOut(frame(opcode, payload)), promise: nil)
  }

  private func frame(_ opcode: WebSocketOpcode, _ payload: ByteBuffer) -> WebSocketFrame {
    WebSocketFrame(
      fin: true, opcode: opcode, maskKey: role == .client ? .random() : nil, data: payload)
  }

  /// A control frame holds 125 bytes, two of them the code.
  private static func shortened(_ reason: String) -> String {
    var text = reason[...]
    while text.utf8.count > 123 { text.removeLast() }
    return String(text)
  }
}
