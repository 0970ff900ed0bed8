import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// Decides whether a connection's first request becomes a WebSocket.
///
/// NIO's typed upgrade handler swallows a request whose `Upgrade` field no upgrader accepts (a refused
/// WebSocket, or `Upgrade: h2c` from `curl --http2`), and the connection then hangs. So it is decided
/// here before, and the field taken out of what stays HTTP.
final class UpgradeGate: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private let decide: WebSocketChannel.Decide
  /// What serves the WebSocket, once it has been accepted.
  private(set) var handler: WebSocketChannel.Handler?
  private var held: [HTTPServerRequestPart] = []
  private var isDeciding = false
  private var isRemoved = false

  init(decide: @escaping WebSocketChannel.Decide) { self.decide = decide }

  func handlerRemoved(context: ChannelHandlerContext) { isRemoved = true }

  func read(context: ChannelHandlerContext) { if !isDeciding { context.read() } }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = unwrapInboundIn(data)
    if isDeciding { return held.append(part) }
    guard case .head(let head) = part else { return context.fireChannelRead(data) }
    held = [part]
    isDeciding = true
    guard Self.isWebSocketRequest(head),
      let request = try? HTTPRequest(head, secure: false, splitCookie: false)
    else { return release(context, nil) }
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    context.eventLoop.makeFutureWithTask { [decide] in await decide(request) }
      .whenComplete { result in
        let (gate, context) = bound.value
        gate.release(context, try? result.get())
      }
  }

  /// RFC 6455, section 4.2.1.
  static func isWebSocketRequest(_ head: HTTPRequestHead) -> Bool {
    func has(_ field: String, _ word: String) -> Bool {
      head.headers[canonicalForm: field].contains { $0.lowercased() == word }
    }
    return head.method == .GET && head.version == .http1_1 && has("upgrade", "websocket")
      && has("connection", "upgrade") && head.headers["sec-websocket-version"] == ["13"]
      && head.headers["sec-websocket-key"].count == 1
  }

  private func release(_ context: ChannelHandlerContext, _ accepted: WebSocketChannel.Handler?) {
    guard !isRemoved else { return }
    handler = accepted
    let parts = held
    held = []
    isDeciding = false
    for part in parts {
      context.fireChannelRead(wrapInboundOut(accepted == nil ? Self.withoutUpgrade(part) : part))
    }
    context.fireChannelReadComplete()
    context.read()
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }

  /// The decoder stops parsing behind an `Upgrade` request: its connection can serve no second one.
  private static func withoutUpgrade(_ part: HTTPServerRequestPart) -> HTTPServerRequestPart {
    guard case .head(var head) = part, head.headers.contains(name: "upgrade") else { return part }
    head.headers.remove(name: "upgrade")
    head.headers.replaceOrAdd(name: "connection", value: "close")
    return .head(head)
  }
}

/// Until the first request's head is complete nothing else watches a connection: closes it when that
/// takes too long or the server stops.
final class FirstRequestHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let timeout: TimeAmount
  private var isDecided = false
  private var deadline: Scheduled<Void>?

  init(timeout: TimeAmount) { self.timeout = timeout }

  /// What the connection is has been settled: stop watching.
  func disarm() {
    isDecided = true
    deadline?.cancel()
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    deadline = context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    context.fireChannelInactive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ChannelShouldQuiesceEvent, !isDecided {
      context.close(promise: nil)
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }
}
