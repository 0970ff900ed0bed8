import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// Connects to a WebSocket server: once a call of ``connect(_:)``.
public struct WebSocketClient: Sendable {
  private enum Opened: Sendable {
    case webSocket(NIOAsyncChannel<InboundItem, WebSocketMessage>)
    case refused(NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>)
  }

  let url: WebSocketURL
  let headers: [(String, String)]
  let configuration: WebSocketConfiguration

  /// - Parameters:
  ///   - url: `ws://host[:port]/path`; `http://` means the same.
  ///   - headers: More fields of the upgrade request.
  /// - Throws: ``WebSocketError/badURL(_:)``, ``WebSocketError/tlsNotSupported(url:)``.
  public init(
    url: String, headers: [(String, String)] = [], configuration: WebSocketConfiguration = .init()
  ) throws(WebSocketError) {
    self.url = try WebSocketURL(url)
    self.headers = headers
    self.configuration = configuration
  }

  /// Connects and runs `body`; the connection is closed when it returns (1000) or throws (1011).
  ///
  /// - Throws: ``WebSocketError`` where no connection comes about, else what `body` throws.
  public func connect<Result>(
    _ body: (WebSocket, WebSocketMessages) async throws -> Result
  ) async throws -> Result {
    switch try await open() {
    case .webSocket(let channel): return try await withWebSocket(channel, configuration, body)
    case .refused(let channel): throw try await refusal(channel)
    }
  }

  private func open() async throws -> Opened {
    let start = ContinuousClock.now
    do {
      return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .connectTimeout(TimeAmount(configuration.openTimeout))
        .connect(host: url.host, port: url.port) { channel in
          channel.eventLoop.makeCompletedFuture { try upgrade(channel) }
        }.get()
    } catch let error as CancellationError {
      throw error
    } catch {
      if ContinuousClock.now - start >= configuration.openTimeout {
        throw WebSocketError.timedOut(url: url.text, after: configuration.openTimeout)
      }
      throw WebSocketError.cannotConnect(url: url.text, reason: Self.explain(error))
    }
  }

  /// Sets up the pipeline that sends the upgrade request; closes it when no answer comes in time.
  private func upgrade(_ channel: any Channel) throws -> EventLoopFuture<Opened> {
    let upgrader = NIOTypedWebSocketClientUpgrader<Opened>(
      maxFrameSize: configuration.maximumMessageBytes, enableAutomaticErrorHandling: false
    ) { channel, _ in
      channel.eventLoop.makeCompletedFuture {
        .webSocket(
          try channel.addWebSocketHandlers(role: .client, configuration: configuration))
      }
    }
    var pipeline = NIOUpgradableHTTPClientPipelineConfiguration(
      upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration<Opened>(
        upgradeRequestHead: requestHead, upgraders: [upgrader],
        notUpgradingCompletionHandler: { channel in
          channel.eventLoop.makeCompletedFuture {
            .refused(try NIOAsyncChannel(wrappingChannelSynchronously: channel))
          }
        }))
    // The default drops frames that arrive together with the server's answer.
    pipeline.leftOverBytesStrategy = .forwardBytes
    let opened = try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
      configuration: pipeline)
    let deadline = channel.eventLoop.scheduleTask(in: TimeAmount(configuration.openTimeout)) {
      channel.close(promise: nil)
    }
    opened.whenComplete { _ in deadline.cancel() }
    return opened
  }

  private var requestHead: HTTPRequestHead {
    var fields = HTTPHeaders([("Host", url.authority), ("Content-Length", "0")])
    for (name, value) in headers { fields.add(name: name, value: value) }
    return HTTPRequestHead(version: .http1_1, method: .GET, uri: url.path, headers: fields)
  }

  private func refusal(
    _ channel: NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>
  ) async throws -> WebSocketError {
    try await channel.executeThenClose { inbound, _ in
      var status = 0
      var body = ByteBuffer()
      reading: for try await part in inbound {
        switch part {
        case .head(let head): status = Int(head.status.code)
        case .body(var piece):
          body.writeBuffer(&piece)
          if body.readableBytes >= 4096 { break reading }
        case .end: break reading
        }
      }
      return .refused(url: url.text, status: status, body: String(buffer: body).prefixLine)
    }
  }

  private static func explain(_ error: any Error) -> String {
    guard let error = error as? NIOConnectionError else { return "\(error)" }
    guard let first = error.connectionErrors.first?.error else { return "the host has no address" }
    return (first as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(first)"
  }
}

extension String {
  /// At most 4 KiB, without white space around it.
  fileprivate var prefixLine: String {
    String(prefix(4096)).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

/// The parts of a WebSocket URL.
struct WebSocketURL: Sendable, Equatable {
  let text: String
  let host: String
  let port: Int
  /// Path and query, from `/` on.
  let path: String
  /// What the `Host` field says.
  let authority: String

  init(_ text: String) throws(WebSocketError) {
    guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
      var host = parts.host, !host.isEmpty, parts.user == nil, parts.fragment == nil
    else { throw .badURL(text) }
    if scheme == "wss" || scheme == "https" { throw .tlsNotSupported(url: text) }
    guard scheme == "ws" || scheme == "http" else { throw .badURL(text) }
    authority = parts.port.map { "\(host):\($0)" } ?? host
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    self.text = text
    self.host = host
    port = parts.port ?? 80
    guard (1...65535).contains(port) else { throw .badURL(text) }
    let query = parts.percentEncodedQuery.map { "?" + $0 } ?? ""
    path = (parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath) + query
  }
}
