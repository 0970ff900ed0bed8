import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(1)))
struct RetryTests {
  private let quick = TransferRetryPolicy(attempts: 3, firstDelay: .milliseconds(1))

  @Test("an overloaded server is asked again until it answers")
  func retries() async throws {
    let count = Counter()
    try await withServer {
      $1.answer(count.next() < 3 ? 503 : 200, "done")
    } test: { server in
      let response = try await TransferClient().performWithRetries(
        TransferRequest(url: server.url), policy: quick)
      #expect(response.status == 200)
      #expect(count.count == 3)
    }
  }

  @Test("the last answer is returned when the attempts are used up")
  func exhausted() async throws {
    let count = Counter()
    try await withServer {
      _ = count.next()
      $1.answer(500)
    } test: { server in
      let response = try await TransferClient().performWithRetries(
        TransferRequest(url: server.url), policy: quick)
      #expect(response.status == 500)
      #expect(count.count == 3)
    }
  }

  @Test("a client error is not sent again")
  func permanent() async throws {
    let count = Counter()
    try await withServer {
      _ = count.next()
      $1.answer(404)
    } test: { server in
      let response = try await TransferClient().performWithRetries(
        TransferRequest(url: server.url), policy: quick)
      #expect(response.status == 404)
      #expect(count.count == 1)
    }
  }

  @Test("a connection that is closed without an answer is made again")
  func closed() async throws {
    let count = Counter()
    try await withServer { _, connection in
      if count.next() == 1 { return connection.end() }
      connection.answer(200)
    } test: { server in
      let response = try await TransferClient().performWithRetries(
        TransferRequest(url: server.url), policy: quick)
      #expect(response.status == 200)
    }
  }

  @Test("cancelling ends the wait between attempts")
  func cancelled() async throws {
    let asked = Signal()
    try await withServer {
      asked.fire()
      $1.answer(503)
    } test: { server in
      let policy = TransferRetryPolicy(firstDelay: .seconds(3600), maximumDelay: .seconds(3600))
      let task = Task {
        try await TransferClient().performWithRetries(
          TransferRequest(url: server.url), policy: policy)
      }
      _ = await asked.wait()
      task.cancel()
      #expect(await failure { try await task.value }?.kind == .cancelled)
    }
  }

  @Test("delays double up to the maximum and vary by half")
  func delays() {
    let policy = TransferRetryPolicy(
      attempts: 9, firstDelay: .seconds(1), maximumDelay: .seconds(10))
    var generator = SystemRandomNumberGenerator()
    for (attempt, full) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (60, 10)] {
      let delay = policy.delay(afterAttempt: attempt, using: &generator)
      #expect(delay >= .seconds(full) / 2 && delay <= .seconds(full))
    }
  }

  @Test("Retry-After is kept to, as seconds or as a date")
  func retryAfter() {
    #expect(TransferRetryPolicy.retryAfter("7", now: 0) == .seconds(7))
    let date = "Sun, 06 Nov 1994 08:49:37 GMT"
    #expect(TransferRetryPolicy.retryAfter(date, now: 784_111_770) == .seconds(7))
    #expect(TransferRetryPolicy.retryAfter(date, now: 784_111_780) == .zero)
    #expect(TransferRetryPolicy.retryAfter("soon", now: 0) == nil)
    let answer = TransferResponse(status: 429, headers: ["Retry-After": "9"])
    #expect(quick.delay(after: answer, attempt: 1, now: 0) == .seconds(9))
    let later = TransferResponse(status: 429, headers: ["Retry-After": "3600"])
    #expect(quick.delay(after: later, attempt: 1, now: 0) == nil)
  }

  @Test("what may have had an effect is sent again only where that is harmless")
  func transientErrors() {
    func isTransient(_ kind: TransferError.Kind, _ method: String) -> Bool {
      quick.isTransient(TransferError(kind: kind, method: method, url: "http://h/"))
    }
    #expect(isTransient(.cannotConnect(message: ""), "POST"))
    #expect(isTransient(.other(code: 52, message: ""), "GET"))
    #expect(!isTransient(.other(code: 52, message: ""), "POST"))
    #expect(!isTransient(.timedOut(message: ""), "POST"))
    #expect(!isTransient(.cancelled, "GET"))
    #expect(!isTransient(.tooLarge(limit: 1), "GET"))
  }
}
