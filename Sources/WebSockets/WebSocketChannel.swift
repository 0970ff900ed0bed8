public import HTTPTypes
public import HummingbirdCore
public import Logging
public import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket

extension HTTPServerBuilder {
  /// A server that speaks HTTP/1.1 with the router and WebSocket with what `decide` chooses, on one
  /// port:
  ///
  /// ```swift
  /// Application(router: router, server: .http1WithWebSockets { request in
  ///   guard request.path == "/api/v1/builder" else { return nil }
  ///   return { socket, messages in for try await message in messages { … } }
  /// })
  /// ```
  public static func http1WithWebSockets(
    configuration: WebSocketConfiguration = .init(), decide: @escaping WebSocketChannel.Decide
  ) -> HTTPServerBuilder {
    HTTPServerBuilder { responder in
      WebSocketChannel(responder: responder, configuration: configuration, decide: decide)
    }
  }
}

/// A Hummingbird child channel that upgrades accepted requests to WebSocket and gives all else to the
/// router. Only the first request of a connection can be upgraded.
///
/// When the server stops, open WebSockets are closed with 1001.
public struct WebSocketChannel: HTTPChannelHandler {
  /// Serves one connection; it is closed when this returns (1000) or throws (1011).
  public typealias Handler = @Sendable (WebSocket, WebSocketMessages) async throws -> Void
  /// Chooses by path and header fields what serves a WebSocket request; nil: the router answers it.
  public typealias Decide = @Sendable (HTTPRequest) async -> Handler?

  enum Upgraded: Sendable {
    case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
    case webSocket(NIOAsyncChannel<InboundItem, WebSocketMessage>, Handler)
  }

  /// A connection whose protocol is not known yet.
  public struct Value: ServerChildChannelValue {
    let upgraded: EventLoopFuture<Upgraded>
    public let channel: any Channel
  }

  public let responder: Responder
  let configuration: WebSocketConfiguration
  let decide: Decide

  public init(
    responder: @escaping Responder, configuration: WebSocketConfiguration = .init(),
    decide: @escaping Decide
  ) {
    self.responder = responder
    self.configuration = configuration
    self.decide = decide
  }

  public func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
      let first = FirstRequestHandler(timeout: TimeAmount(configuration.idleTimeout))
      let gate = UpgradeGate(decide: decide)
      let pipeline = channel.pipeline.syncOperations
      try pipeline.addHandler(first)
      let upgraded = try pipeline.configureUpgradableHTTPServerPipeline(
        configuration: pipelineConfiguration(channel, gate, first, logger))
      let upgradeHandler = try pipeline.handler(
        type: NIOTypedHTTPServerUpgradeHandler<Upgraded>.self)
      try pipeline.addHandler(gate, position: .before(upgradeHandler))
      return Value(upgraded: upgraded, channel: channel)
    }
  }

  private func pipelineConfiguration(
    _ channel: any Channel, _ gate: UpgradeGate, _ first: FirstRequestHandler, _ logger: Logger
  ) -> NIOUpgradableHTTPServerPipelineConfiguration<Upgraded> {
    let bound = NIOLoopBound((gate, first), eventLoop: channel.eventLoop)
    let upgrader = NIOTypedWebSocketServerUpgrader<Upgraded>(
      maxFrameSize: configuration.maximumMessageBytes, enableAutomaticErrorHandling: false,
      // The gate has decided.
      shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
      upgradePipelineHandler: { channel, _ in
        channel.eventLoop.makeCompletedFuture { try webSocket(channel, bound.value) }
      })
    var pipeline = NIOUpgradableHTTPServerPipelineConfiguration(
      upgradeConfiguration: NIOTypedHTTPServerUpgradeConfiguration(
        upgraders: [upgrader],
        notUpgradingCompletionHandler: { channel in
          channel.eventLoop.makeCompletedFuture { try http(channel, bound.value.1, logger) }
        }))
    pipeline.enablePipelining = false  // NIOAsyncChannel does it.
    pipeline.enableResponseHeaderValidation = false  // Swift's HTTP types do it.
    return pipeline
  }

  private func webSocket(_ channel: any Channel, _ handlers: (UpgradeGate, FirstRequestHandler))
    throws -> Upgraded
  {
    let (gate, first) = handlers
    first.disarm()
    guard let handler = gate.handler else { throw ChannelError.inappropriateOperationForState }
    return .webSocket(
      try channel.addWebSocketHandlers(role: .server, configuration: configuration), handler)
  }

  private func http(_ channel: any Channel, _ first: FirstRequestHandler, _ logger: Logger) throws
    -> Upgraded
  {
    first.disarm()
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
    try pipeline.addHandler(
      HTTPConnectionStateHandler(idleTimeout: configuration.idleTimeout, logger: logger))
    return .http(
      try NIOAsyncChannel(
        wrappingChannelSynchronously: channel,
        configuration: .init(isOutboundHalfClosureEnabled: true)))
  }

  public func handle(value: Value, logger: Logger) async {
    do {
      switch try await value.upgraded.get() {
      case .http(let channel): await handleHTTP(asyncChannel: channel, logger: logger)
      case .webSocket(let channel, let handler):
        try await withWebSocket(channel, configuration, handler)
      }
    } catch {
      logger.debug("connection ended", metadata: ["error": "\(error)"])
    }
  }
}
