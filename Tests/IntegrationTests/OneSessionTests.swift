import BuilderProtocol
import Cryptography
import Database
import DatabaseTestSupport
import ExecutorKit
import FarmModel
import Postgres
import SimulatedBuilders
import Testing
import WebSockets

@Suite("one session a builder", .timeLimit(.minutes(2)))
struct OneSessionTests {
  private func hasNothingButHeartbeats(_ session: SimulatedSession) async throws {
    try await session.send(.heartbeat(Heartbeat(attempts: [])))
    #expect(try await session.next() == .renewed(Renewed(attempts: [], leaseSeconds: 60)))
  }

  /// What a connection is told before it is closed.
  private func farewell(_ session: SimulatedSession) async throws -> (
    Refused?, WebSocketCloseCode?
  ) {
    guard case .refused(let refused) = try await session.next() else { return (nil, nil) }
    return (refused, try await session.closing()?.code)
  }

  @Test("a second program with one key ends the first one's session, and goes on with its leases")
  func sameBackend() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      let builder = ScriptedBuilder()
      try await builder.work(farm) { first in
        let job = try await first.assigned()
        try await builder.work(farm, ready: false) { second in
          let (refused, code) = try await farewell(first)
          #expect(refused?.reason == .replaced)
          #expect(refused?.message.contains("a state directory, and so a key, of its own") == true)
          #expect(code == .policyViolation)
          try await second.send(.resume(Heartbeat(attempts: [job.reference])))
          guard case .resumed(let resumed) = try await second.next() else {
            Issue.record("not resumed")
            return
          }
          #expect(resumed.held.map(\.reference) == [job.reference])
          let end = try await second.finish(job, .failed(.compile, message: "no"))
          #expect(end == .accepted(job.reference))
        }
      }
    }
  }

  @Test("a program that has connected again is not told that its key is another's")
  func ownConnection() async throws {
    try await BackendFarm.with { farm in
      var builder = ScriptedBuilder()
      builder.simulated.instance = "the same run"
      let again = builder
      try await builder.work(farm) { first in
        try await again.work(farm) { second in
          let (refused, code) = try await farewell(first)
          #expect(refused?.reason == .unavailable)
          #expect(code == .tryAgainLater)
          try await hasNothingButHeartbeats(second)
        }
      }
    }
  }

  @Test(
    "another program with the key of one that is connected is sent away until that one has gone")
  func second() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      var builder = ScriptedBuilder()
      builder.simulated.instance = "one run"
      var other = builder
      other.simulated.instance = "another run"
      let copy = other
      let job = try await builder.work(farm) { first in
        let job = try await first.assigned()
        try await copy.connect(farm) { second in
          let (refused, code) = try await farewell(second)
          #expect(refused?.reason == .unavailable && code == .tryAgainLater)
          #expect(refused?.message.contains("another program is connected") == true)
        }
        try await first.send(.heartbeat(Heartbeat(attempts: [job.reference])))
        #expect(
          try await first.next() == .renewed(Renewed(attempts: [job.reference], leaseSeconds: 60)),
          "the first one goes on as if nothing had been")
        return job
      }
      let query = "SELECT 1 FROM builders WHERE NOT connected"
      while try await farm.database.pool.query(query).isEmpty {
        try await Task.sleep(for: .milliseconds(10))
      }
      try await copy.work(farm, ready: false) { second in
        try await second.send(.resume(Heartbeat(attempts: [job.reference])))
        guard case .resumed(let resumed) = try await second.next() else {
          Issue.record("not resumed")
          return
        }
        #expect(resumed.held.map(\.reference) == [job.reference])
      }
    }
  }

  @Test("a connection that nothing was heard of for two heartbeats keeps no other program out")
  func halfOpen() async throws {
    try await BackendFarm.with { farm in
      var builder = ScriptedBuilder()
      builder.simulated.instance = "one run"
      var other = builder
      other.simulated.instance = "another run"
      let copy = other
      try await builder.work(farm) { first in
        try await hasNothingButHeartbeats(first)
        try await farm.database.pool.query(
          "UPDATE builders SET last_seen_at = clock_timestamp() - interval '31 seconds'")
        try await copy.work(farm) { second in
          #expect(try await farewell(first).0?.reason == .replaced)
          try await hasNothingButHeartbeats(second)
        }
      }
    }
  }

  @Test("the older session hears of the newer one at another backend, too")
  func otherBackend() async throws {
    try await BackendFarm.with { farm in
      let builder = ScriptedBuilder()
      try await BackendFarm.with(address: farm.database.pool.address) { other in
        try await builder.work(farm) { first in
          try await builder.work(other) { second in
            #expect(try await farewell(first).0?.reason == .replaced)
            try await hasNothingButHeartbeats(second)
            try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
            #expect(try await second.assigned().attempt == 1)
          }
        }
      }
    }
  }

  @Test("what a builder comes back without is given out again, uncharged where it had not begun")
  func forgotten() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      let builder = ScriptedBuilder()
      let lost = try await builder.work(farm) { try await $0.assigned() }
      let before = try #require(try await farm.database.job(lost.job)).retriesLeft
      try await builder.work(farm) { session in
        let again = try await session.assigned()
        #expect(again.reference == AttemptReference(job: lost.job, attempt: 2))
        #expect(try await farm.database.job(lost.job)?.retriesLeft == before)
      }
    }
  }

  @Test("a builder that says that it has a million slots free gets as many jobs as it has slots")
  func boaster() async throws {
    try await BackendFarm.with { farm in
      let versions = try ["one1", "two2", "three3", "four4"].map { try BackendFarm.version($0) }
      try await farm.report([BackendFarm.registry] + versions)
      let builder = ScriptedBuilder(slots: 2)
      let boast = BuilderMessage.ready(Ready(slots: 1_000_000))
      let jobs = try await builder.work(farm, ready: false) { session in
        try await session.send(boast)
        let jobs = [try await session.assigned(), try await session.assigned()]
        try await session.send(boast)
        try await hasNothingButHeartbeats(session)
        return jobs
      }
      // Nor by another session: these two it has.
      try await builder.work(farm, ready: false) { session in
        try await session.send(.heartbeat(Heartbeat(attempts: jobs.map(\.reference))))
        _ = try await session.next()
        try await session.send(boast)
        try await hasNothingButHeartbeats(session)
      }
    }
  }

  @Test(
    "a backend that is being stopped gives back what it is just claiming, and claims nothing more")
  func stopping() async throws {
    try await TestDatabase.with(migrations: TestDatabase.projectMigrations) { test in
      let watcher = try await PostgresConnection(connecting: test.address)
      try await BackendFarm.with(address: test.address) { farm in
        let versions = try ["one1", "two2"].map { try BackendFarm.version($0) }
        try await ScriptedBuilder(slots: 1).work(farm, ready: false) { session in
          try await farm.report([BackendFarm.registry] + versions)
          let lock = try await PostgresConnection(connecting: test.address)
          try await lock.query("BEGIN")
          try await lock.query("LOCK TABLE attempts IN EXCLUSIVE MODE")
          try await session.send(.ready(Ready(slots: 1)))
          try await Self.wait(watcher, until: "a claim waits") {
            """
            SELECT count(*) AS n FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%wishes%'
              AND pid <> pg_backend_pid()
            """
          }
          await farm.stop()
          // The server is stopped after the claims are.
          await #expect(throws: SimulationError.ended) { try await session.closing() }
          try await lock.query("COMMIT")
          await lock.close()
          try await Self.wait(watcher, until: "it is given back") {
            "SELECT count(*) AS n FROM attempts WHERE finished_at IS NOT NULL"
          }
        }
      }
      let rows = try await watcher.query(
        "SELECT state, attempt, retries_left FROM jobs WHERE target = $1 ORDER BY attempt",
        [.text(BackendFarm.x86)])
      #expect(try rows.map { try $0.text("state") } == ["pending", "pending"])
      #expect(try rows.map { try $0.int("attempt") } == [0, 1])
      #expect(try rows.map { try $0.int("retries_left") } == [5, 5])
      let attempts = try await watcher.query("SELECT failure_message FROM attempts")
      #expect(
        try attempts.map { try $0.text("failure_message") }
          == ["the builder could not be told of it"])
      await watcher.close()
    }
  }

  /// PostgreSQL tells nobody: it is asked again and again, within the suite's time limit.
  private static func wait(
    _ connection: PostgresConnection, until what: String, _ query: () -> String
  ) async throws {
    while try await connection.query(query()).first?.int("n") == 0 {
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}

@Suite("draining a builder", .timeLimit(.minutes(2)))
struct DrainTests {
  @Test("a builder is told at once, stays, and works again when it is told otherwise")
  func offAndOn() async throws {
    try await BackendFarm.with { farm in
      let builder = ScriptedBuilder(name: "b")
      try await builder.work(farm) { session in
        _ = try await farm.database.setDraining("b", true)
        #expect(try await session.next() == .drain)
        try await session.send(.ready(Ready(slots: 0)))
        try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
        try await session.send(.heartbeat(Heartbeat(attempts: [])))
        #expect(try await session.next() == .renewed(Renewed(attempts: [], leaseSeconds: 60)))
        _ = try await farm.database.setDraining("b", false)
        // It announces nothing any more: it has to begin anew.
        await #expect(throws: SimulationError.ended) { try await session.closing() }
      }
      let job = try await builder.work(farm) { try await $0.assigned() }
      #expect(job.attempt == 1)
    }
  }

  @Test("one that goes on announcing its slots has a job at once when it is told otherwise")
  func deaf() async throws {
    try await BackendFarm.with { farm in
      try await ScriptedBuilder(name: "b").work(farm) { session in
        _ = try await farm.database.setDraining("b", true)
        #expect(try await session.next() == .drain)
        try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
        try await session.send(.heartbeat(Heartbeat(attempts: [])))
        #expect(try await session.next() == .renewed(Renewed(attempts: [], leaseSeconds: 60)))
        _ = try await farm.database.setDraining("b", false)
        #expect(try await session.assigned().attempt == 1)
      }
    }
  }
}
