import DatabaseTestSupport
import Postgres
import Testing

@Suite("LISTEN and NOTIFY", .timeLimit(.minutes(3))) struct ListenerTests {
  @Test("notifications arrive in order, on the channels that were named, exactly as written")
  func delivery() async throws {
    try await TestDatabase.with { database in
      let sender = try await PostgresConnection(connecting: database.address)
      let events = PostgresListener(database.address).notifications(on: ["Jobs \"new\"", "other"])
      var iterator = events.makeAsyncIterator()
      let first = try await iterator.next()
      #expect(first == .listening)
      for (channel, payload) in [("other", ""), ("elsewhere", "x"), ("Jobs \"new\"", "ä")] {
        try await sender.query("SELECT pg_notify($1, $2)", [.text(channel), .text(payload)])
      }
      let expected = [
        PostgresNotification(channel: "other", payload: ""),
        PostgresNotification(channel: "Jobs \"new\"", payload: "ä"),
      ]
      for notification in expected {
        let event = try await iterator.next()
        #expect(event == .notification(notification))
      }
    }
  }

  @Test("a waiting listener is woken, and says when its connection was replaced")
  func reconnects() async throws {
    try await TestDatabase.with { database in
      let sender = try await PostgresConnection(connecting: database.address)
      let (seen, progress) = AsyncStream<PostgresListenerEvent>.makeStream()
      let listener = PostgresListener(database.address, applicationName: "listener")
      let task = Task {
        for try await event in listener.notifications(on: ["jobs"]) { progress.yield(event) }
      }
      var events = seen.makeAsyncIterator()
      #expect(await events.next() == .listening)
      try await sender.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'listener'"
      )
      #expect(await events.next() == .reconnected)
      try await sender.execute("NOTIFY jobs, 'after'")
      #expect(
        await events.next()
          == .notification(PostgresNotification(channel: "jobs", payload: "after")))
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
    }
  }

  @Test("notifications that come with a statement's answer are not lost")
  func besideStatements() async throws {
    try await withConnection { connection in
      try await connection.listen("own")
      try await connection.execute("NOTIFY own, '1'; NOTIFY own, '2'")
      try await connection.query("SELECT 1")
      #expect(try await connection.nextNotification().payload == "1")
      #expect(try await connection.nextNotification().payload == "2")
    }
  }

  @Test("closing a connection ends waiting for its notifications")
  func closeEndsWaiting() async throws {
    try await withConnection { connection in
      try await connection.listen("own")
      let waiting = Task { try await connection.nextNotification() }
      await connection.close()
      try await expectSQLState("08003") { _ = try await waiting.value }
    }
  }

  @Test("a missing database is an error of the sequence, not an endless wait")
  func missingDatabase() async throws {
    try await TestDatabase.with { database in
      let listener = PostgresListener(database.address.withDatabase("nowhere"))
      var iterator = listener.notifications(on: ["x"]).makeAsyncIterator()
      try await expectSQLState("3D000") { _ = try await iterator.next() }
    }
  }
}
