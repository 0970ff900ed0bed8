import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import WebSockets

/// A server of a test's own on a port that the kernel chooses.
struct LocalServer: Sendable {
  let port: Int
  fileprivate let services: ServiceGroup

  /// `ws://127.0.0.1:PORT` and the path.
  func webSocketURL(_ path: String) -> String { "ws://127.0.0.1:\(port)\(path)" }

  /// Begins an orderly stop.
  func stop() async { await services.triggerGracefulShutdown() }
}

/// Runs `body` beside a server with these routes and WebSockets, and stops the server afterwards.
func withLocalServer<Result: Sendable>(
  router: Router<BasicRequestContext> = Router(), configuration: WebSocketConfiguration = .init(),
  decide: @escaping WebSocketChannel.Decide,
  _ body: @escaping @Sendable (LocalServer) async throws -> Result
) async throws -> Result {
  let (ports, found) = AsyncStream.makeStream(of: Int.self)
  var logger = Logger(label: "test")
  logger.logLevel = .critical
  let application = Application(
    router: router, server: .http1WithWebSockets(configuration: configuration, decide: decide),
    configuration: .init(address: .hostname("127.0.0.1", port: 0)),
    onServerRunning: { channel in found.yield(channel.localAddress?.port ?? 0) },
    logger: logger)
  let services = ServiceGroup(services: [application], logger: logger)
  return try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await services.run() }
    var iterator = ports.makeAsyncIterator()
    let server = LocalServer(port: await iterator.next() ?? 0, services: services)
    do {
      let result = try await body(server)
      await server.stop()
      try await group.waitForAll()
      return result
    } catch {
      await server.stop()
      throw error
    }
  }
}

/// A plain TCP connection, to send what no client would.
struct RawConnection {
  let inbound: NIOAsyncChannelInboundStream<ByteBuffer>
  let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>

  func send(_ bytes: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: bytes)) }

  /// All that comes until the other side closes.
  func readToEnd() async throws -> [UInt8] {
    var bytes: [UInt8] = []
    for try await piece in inbound { bytes += piece.readableBytesView }
    return bytes
  }
}

/// Opens a plain connection to a local port for the time of `body`.
func withRawConnection<Result: Sendable>(
  port: Int, _ body: @Sendable (RawConnection) async throws -> Result
) async throws -> Result {
  let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .connect(host: "127.0.0.1", port: port) { channel in
      channel.eventLoop.makeCompletedFuture {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
      }
    }
  return try await channel.executeThenClose { inbound, outbound in
    try await body(RawConnection(inbound: inbound, outbound: outbound))
  }
}
