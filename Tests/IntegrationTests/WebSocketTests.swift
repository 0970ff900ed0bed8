import HTTPTypes
import Hummingbird
import NIOCore
import TestSupport
import Testing
import Transfer
import WebSockets

@Suite("WebSockets beside HTTP on one port", .timeLimit(.minutes(2)))
struct WebSocketTests {
  /// Echoes at `/echo`, greets first; `/token` wants a header field.
  static let echo: WebSocketChannel.Decide = { request in
    guard
      request.path == "/echo"
        || (request.path == "/token" && request.headerFields[.authorization] == "Bearer t")
    else { return nil }
    return { socket, messages in
      try await socket.send("welcome")
      for try await message in messages { try await socket.send(message) }
    }
  }

  static func router() -> Router<BasicRequestContext> {
    let router = Router()
    router.get("/hello") { _, _ in "hello" }
    router.get("/token") { _, _ in HTTPResponse.Status.unauthorized }
    return router
  }

  @Test("messages of both kinds and of the largest size come back as they were")
  func roundTrip() async throws {
    try await withLocalServer(decide: Self.echo) { server in
      let client = try WebSocketClient(url: server.webSocketURL("/echo"))
      let long = String(repeating: "ü", count: 1 << 19)
      let sent: [WebSocketMessage] = [.text(""), .text("a – ü"), .binary([0, 255]), .text(long)]
      let received = try await client.connect { socket, messages in
        var received: [WebSocketMessage] = []
        for message in sent { try await socket.send(message) }
        for try await message in messages {
          received.append(message)
          if received.count == sent.count + 1 { socket.close() }
        }
        return received
      }
      #expect(received == [.text("welcome")] + sent)
    }
  }

  @Test("a message larger than the limit is refused before it is sent")
  func tooLargeToSend() async throws {
    try await withLocalServer(decide: Self.echo) { server in
      let client = try WebSocketClient(url: server.webSocketURL("/echo"))
      await #expect(throws: WebSocketError.messageTooLarge(bytes: 1_048_577, limit: 1_048_576)) {
        try await client.connect { socket, _ in
          try await socket.send(.binary([UInt8](repeating: 1, count: 1_048_577)))
        }
      }
    }
  }

  @Test("header fields decide; what is refused gets the router's answer")
  func decides() async throws {
    try await withLocalServer(router: Self.router(), decide: Self.echo) { server in
      let url = server.webSocketURL("/token")
      await #expect(throws: WebSocketError.refused(url: url, status: 401, body: "")) {
        try await WebSocketClient(url: url).connect { _, _ in }
      }
      let allowed = try WebSocketClient(url: url, headers: [("Authorization", "Bearer t")])
      let greeting = try await allowed.connect { _, messages in
        var iterator = messages.makeAsyncIterator()
        return try await iterator.next()
      }
      #expect(greeting == .text("welcome"))
      let other = server.webSocketURL("/nothing")
      await #expect(throws: WebSocketError.refused(url: other, status: 404, body: "")) {
        try await WebSocketClient(url: other).connect { _, _ in }
      }
    }
  }

  @Test("plain requests and foreign upgrades are answered by the router")
  func http() async throws {
    try await withLocalServer(router: Self.router(), decide: Self.echo) { server in
      let client = TransferClient()
      for headers: TransferHeaders in [[:], ["Upgrade": "h2c", "Connection": "Upgrade"]] {
        let request = TransferRequest(
          url: "http://127.0.0.1:\(server.port)/hello", headers: headers)
        let answer = try await client.perform(request)
        #expect(answer.status == 200)
        #expect(answer.body == Array("hello".utf8))
      }
      client.shutdown()
    }
  }

  @Test("a server that stops closes with 1001, which ends the messages in peace")
  func stops() async throws {
    try await withLocalServer(decide: Self.echo) { server in
      let client = try WebSocketClient(url: server.webSocketURL("/echo"))
      let received = try await client.connect { _, messages in
        var received: [WebSocketMessage] = []
        for try await message in messages {
          received.append(message)
          await server.stop()
        }
        return received
      }
      #expect(received == [.text("welcome")])
    }
  }

  @Test("a server that stops closes HTTP connections without requests, kept alive or fresh")
  func stopsBesideIdle() async throws {
    let client = TransferClient()
    let start = ContinuousClock.now
    try await withLocalServer(router: Self.router(), decide: Self.echo) { server in
      let answer = try await client.perform(
        TransferRequest(url: "http://127.0.0.1:\(server.port)/hello"))
      #expect(answer.status == 200)
      // The client keeps its connection; the other one has sent nothing yet.
      let received = try await withRawConnection(port: server.port) { fresh in
        await server.stop()
        // A reset where the server had not even accepted it.
        return (try? await fresh.readToEnd()) ?? []
      }
      #expect(received == [])
    }
    #expect(ContinuousClock.now - start < .seconds(20), "the idle time-out is 60 s")
    client.shutdown()
  }

  @Test("a handler's own code and reason reach the client")
  func closeCode() async throws {
    let refuse: WebSocketChannel.Decide = { _ in
      { socket, messages in
        socket.close(.policyViolation, reason: "not you")
        for try await _ in messages {}
      }
    }
    try await withLocalServer(decide: refuse) { server in
      let client = try WebSocketClient(url: server.webSocketURL("/"))
      await #expect(throws: WebSocketError.closed(.policyViolation, reason: "not you")) {
        try await client.connect { _, messages in for try await _ in messages {} }
      }
    }
  }

  @Test("keep-alive holds a quiet connection and gives up a dead one")
  func keepAlive() async throws {
    let configuration = WebSocketConfiguration(silenceLimit: .milliseconds(300))
    let (endings, ended) = AsyncStream.makeStream(of: WebSocketError?.self)
    let watch: WebSocketChannel.Decide = { request in
      { _, messages in
        do { for try await _ in messages {} } catch { ended.yield(error as? WebSocketError) }
      }
    }
    try await withLocalServer(configuration: configuration, decide: watch) { server in
      // Answers no ping, as a machine that has vanished.
      try await withRawConnection(port: server.port) { connection in
        try await connection.send(BadFrames.request("/watch"))
        let answer = try await connection.readToEnd()
        #expect(answer.suffix(2) == [0x89, 0], "a ping without payload is the last that comes")
      }
      var iterator = endings.makeAsyncIterator()
      #expect(await iterator.next() == .silent(.milliseconds(300)))
      // The client is as quiet for three limits, but answers pings: 1000 is not an error.
      let client = try WebSocketClient(url: server.webSocketURL("/watch"))
      try await client.connect { _, _ in try await Task.sleep(for: .milliseconds(900)) }
    }
  }

  @Test("TLS and malformed URLs are refused with the remedy")
  func badURLs() {
    #expect(throws: WebSocketError.tlsNotSupported(url: "wss://a/b")) {
      try WebSocketClient(url: "wss://a/b")
    }
    #expect(throws: WebSocketError.badURL("ftp://a")) { try WebSocketClient(url: "ftp://a") }
    #expect(throws: WebSocketError.badURL("ws://:80/")) { try WebSocketClient(url: "ws://:80/") }
    #expect("\(WebSocketError.tlsNotSupported(url: "wss://a/b"))".contains("proxy"))
  }

  @Test("nobody listening and nobody answering end with their own errors")
  func noServer() async throws {
    let silent = WebSocketConfiguration(openTimeout: .milliseconds(200))
    let neverDecides: WebSocketChannel.Decide = { _ in
      try? await Task.sleep(for: .seconds(3600))
      return nil
    }
    try await withLocalServer(decide: neverDecides) { server in
      let client = try WebSocketClient(
        url: server.webSocketURL("/"), configuration: silent)
      await #expect(
        throws: WebSocketError.timedOut(
          url: server.webSocketURL("/"), after: .milliseconds(200))
      ) {
        try await client.connect { _, _ in }
      }
    }
    let unused = try UnusedPort()
    let url = "ws://127.0.0.1:\(unused.number)/"
    let error = await #expect(throws: WebSocketError.self) {
      try await WebSocketClient(url: url).connect { _, _ in }
    }
    guard case .cannotConnect(url, let reason)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(reason == "Connection refused")
    withExtendedLifetime(unused) {}
  }
}
