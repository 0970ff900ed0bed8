import Foundation
import Testing
import Transfer

@Suite(.timeLimit(.minutes(1)))
struct StreamTests {
  private static let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nX-A: b\r\n\r\n"

  @Test("the head comes before the body, and chunks as they are sent")
  func chunks() async throws {
    let headSeen = DispatchSemaphore(value: 0)
    let firstSeen = DispatchSemaphore(value: 0)
    try await withServer { _, connection in
      _ = connection.send(Self.head)
      headSeen.wait()
      _ = connection.send("one")
      firstSeen.wait()
      _ = connection.send("two")
      connection.end()
    } test: { server in
      let stream = try await TransferClient().stream(TransferRequest(url: server.url))
      #expect(stream.status == 200)
      #expect(stream.headers["x-a"] == "b")
      headSeen.signal()
      var iterator = stream.makeAsyncIterator()
      #expect(try await iterator.next().map(text) == "one")
      firstSeen.signal()
      #expect(try await iterator.next().map(text) == "two")
      #expect(try await iterator.next() == nil)
      #expect(try await iterator.next() == nil)
    }
  }

  @Test("a reader that takes nothing stops the server, and gets all of it afterwards")
  func backPressure() async throws {
    let total = 64 << 20
    let blocked = Signal()
    try await withServer { _, connection in
      var patience = timeval(tv_sec: 0, tv_usec: 200_000)
      setsockopt(
        connection.descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience,
        socklen_t(MemoryLayout<timeval>.size))
      _ = connection.send(Self.head)
      let chunk = [UInt8](repeating: 7, count: 65536)
      var sent = 0
      while sent < total {
        // A short count or a time-out: the client does not read. From then on, wait for it.
        let count = send(connection.descriptor, chunk, min(chunk.count, total - sent), 0)
        if count < chunk.count, sent + max(count, 0) < total { blocked.fire(sent) }
        sent += max(count, 0)
      }
      connection.end()
    } test: { server in
      let stream = try await TransferClient().stream(
        TransferRequest(url: server.url, stallTimeout: .seconds(20)))
      let sentBeforeReading = try #require(await blocked.wait())
      #expect(sentBeforeReading < total / 2)
      var received = 0
      for try await chunk in stream { received += chunk.count }
      #expect(received == total)
    }
  }

  @Test("a stream that breaks off ends with an error after its last bytes")
  func broken() async throws {
    try await withServer { _, connection in
      _ = connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
      connection.end()
    } test: { server in
      let stream = try await TransferClient().stream(TransferRequest(url: server.url))
      var iterator = stream.makeAsyncIterator()
      #expect(try await iterator.next().map(text) == "abc")
      let error = await failure { try await iterator.next() }
      guard case .other(18, _) = error?.kind else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  @Test("dropping or cancelling a stream closes its connection", arguments: [true, false])
  func dropped(byDropping: Bool) async throws {
    let closed = Signal()
    try await withServer { _, connection in
      _ = connection.send(Self.head)
      connection.waitForClose()
      closed.fire()
    } test: { server in
      let client = TransferClient()
      if byDropping {
        _ = try await client.stream(TransferRequest(url: server.url))
      } else {
        let stream = try await client.stream(TransferRequest(url: server.url))
        stream.cancel()
        var iterator = stream.makeAsyncIterator()
        #expect(await failure { try await iterator.next() }?.kind == .cancelled)
      }
      _ = await closed.wait()
    }
  }

  @Test("a reader whose task is cancelled gets the error")
  func cancelledReader() async throws {
    let reading = Signal()
    try await withServer { _, connection in
      _ = connection.send(Self.head + "x")
      connection.waitForClose()
    } test: { server in
      let stream = try await TransferClient().stream(TransferRequest(url: server.url))
      let task = Task {
        for try await _ in stream { reading.fire() }
      }
      _ = await reading.wait()
      task.cancel()
      #expect(await failure { try await task.value }?.kind == .cancelled)
    }
  }

  @Test("a stream outlives the client's last other reference")
  func clientDropped() async throws {
    try await withServer { _, connection in
      _ = connection.send(Self.head + "body")
      connection.end()
    } test: { server in
      let stream = try await TransferClient().stream(TransferRequest(url: server.url))
      #expect(try await text(stream.collect(limit: 4)) == "body")
    }
  }

  @Test("collecting more than the limit is refused")
  func collectLimit() async throws {
    try await withServer { _, connection in
      _ = connection.send(Self.head + "body")
      connection.end()
    } test: { server in
      let stream = try await TransferClient().stream(TransferRequest(url: server.url))
      #expect(await failure { try await stream.collect(limit: 3) }?.kind == .tooLarge(limit: 3))
    }
  }
}
