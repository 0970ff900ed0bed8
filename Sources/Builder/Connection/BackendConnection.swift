import BuilderProtocol
import WebSockets

/// What a connection tells the builder.
enum ConnectionNews: Sendable {
  /// Open; what is put into the outbox is sent, and its end closes the connection.
  case opened(origin: String, outbox: AsyncStream<BuilderMessage>.Continuation)
  case message(BackendMessage)
  case malformed(MessageDecodingError)
  /// Gone, or not come about.
  case lost(reason: String)
  /// The next try is so far away.
  case waits(Duration, next: BackendAddress)
}

/// Keeps a connection to one of several addresses, for ever.
struct BackendConnection: Sendable {
  let addresses: [BackendAddress]
  let configuration: WebSocketConfiguration
  let news: @Sendable (ConnectionNews) -> Void

  /// Connects to each address in turn until the task is cancelled. A connection that was let in
  /// starts the waits anew; one that was told to wait for approval asks again soon.
  func run() async {
    var backoff = Backoff()
    var turn = 0
    while !Task.isCancelled {
      let address = addresses[turn % addresses.count]
      turn += 1
      let visit = Visit()
      do {
        try await connect(address, visit)
        news(.lost(reason: "\(address): the backend closed the connection"))
      } catch {
        // Errors of connecting name the URL themselves.
        let text = "\(error)"
        news(.lost(reason: text.contains("://") ? text : "\(address): \(text)"))
      }
      if visit.wasWelcome.isRaised { backoff.reset() }
      let wait = visit.wasRefused.isRaised ? Self.approvalWait : backoff.next()
      news(.waits(wait, next: addresses[turn % addresses.count]))
      try? await Task.sleep(for: wait)
    }
  }

  private static var approvalWait: Duration { .seconds(2) * Double.random(in: 1...2) }

  /// What happened on one connection.
  private struct Visit: Sendable {
    let wasWelcome = Flag()
    let wasRefused = Flag()
  }

  private func connect(_ address: BackendAddress, _ visit: Visit) async throws {
    let client = try WebSocketClient(url: address.webSocketURL, configuration: configuration)
    try await client.connect { socket, messages in
      let (outbox, continuation) = AsyncStream.makeStream(of: BuilderMessage.self)
      news(.opened(origin: address.origin, outbox: continuation))
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for await message in outbox { try await socket.send(message.encoded()) }
          socket.close()
          // Its answer ends the reading.
        }
        group.addTask { try await read(messages, visit) }
        // The writer may end first; the connection ends with its reader.
        defer {
          continuation.finish()
          group.cancelAll()
        }
        while try await group.next() != nil {}
      }
    }
  }

  private func read(_ messages: WebSocketMessages, _ visit: Visit) async throws {
    for try await frame in messages {
      guard case .text(let text) = frame else {
        news(.malformed(.notAMessage("a binary frame")))
        continue
      }
      do {
        let message = try BackendMessage(decoding: text)
        if case .welcome = message { visit.wasWelcome.raise() }
        if case .refused = message { visit.wasRefused.raise() }
        news(.message(message))
      } catch {
        news(.malformed(error))
      }
    }
    throw ConnectionEnded()
  }

  private struct ConnectionEnded: Error, CustomStringConvertible {
    var description: String { "the connection was closed" }
  }
}
