import DatabaseTestSupport
import Testing

@testable import Postgres

@Suite("PostgresPool", .timeLimit(.minutes(3))) struct PoolTests {
  /// Occupies connections of `pool` until `gate` unlocks the advisory lock 1.
  private func occupy(_ pool: PostgresPool) -> Task<Void, any Error> {
    Task { try await pool.withConnection { _ = try $0.query("SELECT pg_advisory_lock_shared(1)") } }
  }

  private func gate(_ database: TestDatabase) async throws -> PostgresConnection {
    let gate = try await PostgresConnection(connecting: database.address)
    try await gate.query("SELECT pg_advisory_lock(1)")
    return gate
  }

  private func open(_ gate: PostgresConnection) async throws {
    try await gate.query("SELECT pg_advisory_unlock(1)")
  }

  @Test("waiters are served in the order of asking, by no more connections than allowed")
  func order() async throws {
    try await withPool(maximumConnections: 1) { pool, database in
      try await pool.query("CREATE TABLE t (id serial, waiter int)")
      let gate = try await gate(database)
      let holder = occupy(pool)
      try await untilRunning("advisory", seenBy: gate)
      var waiters: [Task<Void, any Error>] = []
      for number in 1...5 {
        waiters.append(
          Task { try await pool.query("INSERT INTO t (waiter) VALUES ($1)", [.int(number)]) })
        try await until { pool.lending.waitingCount == number }
      }
      try await open(gate)
      for task in [holder] + waiters { try await task.value }
      let order = try await pool.query("SELECT waiter FROM t ORDER BY id")
      #expect(try order.map { try $0.int("waiter") } == [1, 2, 3, 4, 5])
      let sessions = try await gate.query(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
      )
      #expect(sessions.count == 1)
    }
  }

  @Test("a waiter that is cancelled leaves, and takes no connection with it")
  func cancelledWaiter() async throws {
    try await withPool(maximumConnections: 1) { pool, database in
      let gate = try await gate(database)
      let holder = occupy(pool)
      try await untilRunning("advisory", seenBy: gate)
      let waiter = Task { try await pool.query("SELECT 1") }
      try await until { pool.lending.waitingCount == 1 }
      waiter.cancel()
      await #expect(throws: CancellationError.self) { try await waiter.value }
      #expect(pool.lending.waitingCount == 0)
      try await open(gate)
      try await holder.value
      #expect(try await pool.query("SELECT 1").count == 1)
    }
  }

  @Test("a cancelled task gives its connection back rolled back and usable")
  func cancelledHolder() async throws {
    try await withPool(maximumConnections: 1) { pool, database in
      let watcher = try await PostgresConnection(connecting: database.address)
      try await pool.query("CREATE TABLE t (id int)")
      let before = try await pool.query("SELECT pg_backend_pid() AS pid")[0].int("pid")
      let task = Task {
        try await pool.withConnection { connection in
          try connection.execute("BEGIN; INSERT INTO t VALUES (1)")
          try connection.query("SELECT pg_sleep(3600)")
        }
      }
      try await untilRunning("pg_sleep", seenBy: watcher)
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      #expect(try await pool.query("SELECT FROM t").isEmpty)
      #expect(try await pool.query("SELECT pg_backend_pid() AS pid")[0].int("pid") == before)
    }
  }

  @Test("connections that broke while idle are replaced unnoticed")
  func brokenWhileIdle() async throws {
    try await withPool { pool, database in
      let before = try await pool.query("SELECT pg_backend_pid() AS pid")[0].int("pid")
      let other = try await PostgresConnection(connecting: database.address)
      try await other.query("SELECT pg_terminate_backend($1, 60000)", [.int(before)])
      #expect(try await pool.query("SELECT pg_backend_pid() AS pid")[0].int("pid") != before)
    }
  }

  @Test("a connection that breaks in use fails its user only")
  func brokenInUse() async throws {
    try await withPool(maximumConnections: 1) { pool, _ in
      let state = try await sqlState {
        try await pool.query("SELECT pg_terminate_backend(pg_backend_pid())")
      }
      #expect(state == "57P01")
      #expect(try await pool.query("SELECT 1").count == 1)
    }
  }

  @Test("a server that is away is an error when patience ends")
  func away() async throws {
    let pool = PostgresPool(
      try PostgresAddress("host=/nonexistent"), maximumConnections: 1, patience: .milliseconds(60))
    let states = try await withThrowingTaskGroup(of: String?.self) { group in
      for _ in 0..<3 {
        group.addTask { try await sqlState { try await pool.query("SELECT 1") } }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(states == ["08001", "08001", "08001"])
    await pool.close()
  }

  @Test("close waits for connections in use and refuses everybody else")
  func close() async throws {
    try await TestDatabase.with { database in
      let pool = PostgresPool(database.address, maximumConnections: 1)
      let gate = try await gate(database)
      let holder = occupy(pool)
      try await untilRunning("advisory", seenBy: gate)
      let waiter = Task { try await pool.query("SELECT 1") }
      try await until { pool.lending.waitingCount == 1 }
      let closing = Task { await pool.close() }
      await #expect(throws: PostgresPoolError.closed) { try await waiter.value }
      await #expect(throws: PostgresPoolError.closed) { try await pool.query("SELECT 1") }
      try await open(gate)
      try await holder.value
      await closing.value
      await pool.close()
    }
  }
}

@Suite("The decisions of a pool") struct PoolStateTests {
  private func text(_ answer: PoolState<String>.Answer?) -> String {
    switch answer {
    case .use(let name): "use \(name)"
    case .connect: "connect"
    case .wait: "wait"
    case .refused: "refused"
    case nil: "nothing"
    }
  }

  @Test("places are granted up to the limit, then everybody waits in order")
  func limit() {
    var state = PoolState<String>(limit: 2)
    let answers = (1...4).map { text(state.ask($0)) }
    #expect(answers == ["connect", "connect", "wait", "wait"])
    let first = state.giveBack("a")
    #expect(first?.waiter == 3)
    #expect(text(first?.answer) == "use a")
    let second = state.lose()
    #expect(second?.waiter == 4)
    #expect(text(second?.answer) == "connect")
    #expect(state.inUse == 2)
  }

  @Test("who has stopped waiting is passed over, and only once")
  func stopWaiting() {
    var state = PoolState<String>(limit: 1)
    for waiter in UInt64(1)...3 { _ = state.ask(waiter) }
    let stopped = (state.stopWaiting(2), state.stopWaiting(2))
    #expect(stopped == (true, false))
    let wake = state.giveBack("a")
    #expect(wake?.waiter == 3)
    let tooLate = state.stopWaiting(3)
    #expect(!tooLate)
  }

  @Test("failures are counted until one connection succeeds")
  func failures() {
    var state = PoolState<String>(limit: 1)
    _ = state.ask(1)
    _ = state.failedToConnect()
    let second = state.ask(2)
    #expect(text(second) == "connect")
    _ = state.failedToConnect()
    #expect(state.failures == 2)
    state.connected()
    #expect(state.failures == 0)
  }

  @Test("a closed pool hands out nothing")
  func closed() {
    var state = PoolState<String>(limit: 2)
    _ = state.ask(1)
    _ = state.ask(2)
    _ = state.ask(3)
    _ = state.giveBack("a")
    let (idle, refused) = state.close()
    #expect(idle == [])
    #expect(refused == [])
    let wake = state.lose()
    #expect(wake?.waiter == nil)
    let late = state.ask(4)
    #expect(text(late) == "refused")
  }

  @Test("pauses double up to the limit, with a quarter of chance")
  func backoff() {
    let backoff = Backoff(first: .milliseconds(50), limit: .seconds(1))
    let delays = (0...6).map { backoff.delay(afterFailures: $0, chance: 0) }
    #expect(delays == [0, 50, 100, 200, 400, 800, 1000].map { .milliseconds($0) })
    #expect(backoff.delay(afterFailures: 1000, chance: 1) == .milliseconds(1250))
  }
}
