import Foundation
import TestSupport
import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(1)))
struct FailureTests {
  @Test("a refused connection is told apart, and the URL's user information is not printed")
  func refused() async throws {
    let unused = try UnusedPort()
    let port = unused.number
    let request = TransferRequest(
      url: "http://user:secret@127.0.0.1:\(port)/x",
      headers: ["Authorization": "Bearer hidden"])
    let error = try #require(await failure { try await TransferClient().perform(request) })
    guard case .cannotConnect = error.kind else {
      Issue.record("\(error)")
      return
    }
    #expect(error.url == "http://127.0.0.1:\(port)/x")
    for word in ["secret", "hidden", "user:"] { #expect(!error.description.contains(word)) }
    withExtendedLifetime(unused) {}
  }

  @Test("a socket that is not there cannot be connected to")
  func missingSocket() async throws {
    let request = TransferRequest(url: "http://docker/_ping", unixSocket: "/nowhere/docker.sock")
    let error = await failure { try await TransferClient().perform(request) }
    guard case .cannotConnect = error?.kind else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("a silent server ends in a timeout", arguments: [true, false])
  func timeout(whole: Bool) async throws {
    try await withServer {
      $1.waitForClose()
    } test: { server in
      var request = TransferRequest(url: server.url)
      if whole { request.timeout = .milliseconds(100) }
      if !whole { request.stallTimeout = .milliseconds(100) }
      let wanted = request
      let error = await failure { try await TransferClient().perform(wanted) }
      guard case .timedOut = error?.kind else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  @Test("a body that stops in the middle is a stall")
  func stall() async throws {
    try await withServer { _, connection in
      _ = connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
      connection.waitForClose()
    } test: { server in
      let request = TransferRequest(url: server.url, stallTimeout: .milliseconds(100))
      let error = await failure { try await TransferClient().perform(request) }
      #expect(error?.kind == .timedOut(message: "no byte moved for 0.1 seconds"))
    }
  }

  @Test("a cancelled task ends its request")
  func cancel() async throws {
    let arrived = Signal()
    let closed = Signal()
    try await withServer { _, connection in
      arrived.fire()
      connection.waitForClose()
      closed.fire()
    } test: { server in
      let client = TransferClient()
      let task = Task { try await client.perform(TransferRequest(url: server.url)) }
      _ = await arrived.wait()
      task.cancel()
      #expect(await failure { try await task.value }?.kind == .cancelled)
      _ = await closed.wait()
    }
  }

  @Test("a task that is cancelled before it begins sends nothing")
  func cancelledBefore() async throws {
    let count = Counter()
    try await withServer { _, connection in
      _ = count.next()
      connection.answer(200)
    } test: { server in
      let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return try await TransferClient().perform(TransferRequest(url: server.url))
      }
      #expect(await failure { try await task.value }?.kind == .cancelled)
      #expect(count.count == 0)
    }
  }

  @Test("shutdown ends what is running and refuses what comes later")
  func shutdown() async throws {
    let arrived = Signal()
    try await withServer { _, connection in
      arrived.fire()
      connection.waitForClose()
    } test: { server in
      let client = TransferClient()
      async let running = failure { try await client.perform(TransferRequest(url: server.url)) }
      _ = await arrived.wait()
      client.shutdown()
      #expect(await running?.kind == .cancelled)
      let later = await failure { try await client.perform(TransferRequest(url: server.url)) }
      #expect(later?.kind == .cancelled)
    }
  }

  @Test("headers and URLs that would break the request's head are refused")
  func injection() async throws {
    let requests = [
      TransferRequest(url: "http://127.0.0.1:9/", headers: ["X": "a\r\nY: b"]),
      TransferRequest(url: "http://127.0.0.1:9/", headers: ["X: y": "a"]),
      TransferRequest(url: "http://127.0.0.1:9/a b"),
      TransferRequest(method: "GET / HTTP/1.1\r\n", url: "http://127.0.0.1:9/"),
    ]
    for request in requests {
      let error = await failure { try await TransferClient().perform(request) }
      guard case .other(0, _) = error?.kind else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
  }

  @Test("another protocol is refused")
  func protocols() async throws {
    let request = TransferRequest(url: "file:///etc/passwd")
    let error = await failure { try await TransferClient().perform(request) }
    guard case .other(1, _) = error?.kind else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    "user information is taken out of any URL",
    arguments: [
      ("http://a:b@h/p@q", "http://h/p@q"), ("https://h/p", "https://h/p"),
      ("a:b@h", "h"), ("http://a@b@h?x=@", "http://h?x=@"),
    ])
  func redaction(url: String, printed: String) {
    #expect(withoutUserInformation(url) == printed)
  }
}
