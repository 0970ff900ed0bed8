import BuilderProtocol
import ExecutorKit
import FarmModel
import Postgres
import Testing

@testable import Database

@Suite("one session a builder, in the database", .timeLimit(.minutes(2)))
struct SessionTests {
  /// The builder connects again.
  private func reconnect(_ farm: Farm) async throws -> Int64 {
    try await farm.database.registerBuilder(
      name: "builder 1", publicKey: String(repeating: "1", count: 64), version: "1",
      tokenHash: nil
    ).session
  }

  private func wish(_ builder: Int64, _ session: Int64, slots: Int = 1, capacity: Int = 9)
    -> ClaimWish
  {
    ClaimWish(builder: builder, slots: slots, session: session, capacity: capacity)
  }

  @Test("sessions are counted, and an older one neither claims, renews nor gives anything up")
  func older() async throws {
    try await Farm.with { farm in
      for name in ["one1", "two2"] { try await farm.addJob(name) }
      let builder = try await farm.addBuilder()
      let first = try #require(try await farm.claim([wish(builder, 1)]).first)
      #expect(try await reconnect(farm) == 2)
      #expect(try await farm.claim([wish(builder, 1)]).isEmpty)
      let attempts: [(job: Int64, attempt: Int32)] = [(first.id, 1)]
      #expect(
        try await farm.database.renew(builder: builder, session: 1, attempts: attempts).isEmpty)
      #expect(
        try await farm.database.forsake(builder: builder, session: 1, keeping: []) == nil)
      #expect(try await farm.database.job(first.id)?.state == .leased)
      // The leases are the builder's, not the session's.
      #expect(
        try await farm.database.renew(builder: builder, session: 2, attempts: attempts).count == 1)
      #expect(
        try await farm.database.forsake(builder: builder, session: 2, keeping: attempts) == [])
      #expect(try await farm.claim([wish(builder, 2)]).count == 1)
    }
  }

  @Test("a welcome waits for a claim by an older session, which the new one then hears of")
  func claimInFlight() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let other = try await begin(wish(builder, 1), farm)
      async let session = reconnect(farm)
      try await untilSomebodyWaits(for: other)
      try await other.query("COMMIT")
      await other.close()
      #expect(try await session == 2)
      let given = try #require(
        try await farm.database.forsake(builder: builder, session: 2, keeping: []))
      #expect(given.map(\.attempt) == [1])
      #expect(try await farm.claim([wish(builder, 2)]).map(\.attempt) == [2])
    }
  }

  @Test("no claim by an older session is taken while a welcome is under way")
  func welcomeInFlight() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let other = try await PostgresConnection(connecting: farm.database.pool.address)
      try await other.query("BEGIN")
      try await other.query("UPDATE builders SET session = session + 1")
      #expect(try await farm.claim([wish(builder, 1)]).isEmpty)
      try await other.query("COMMIT")
      await other.close()
      #expect(try await farm.claim([wish(builder, 1)]).isEmpty)
      #expect(try await farm.claim([wish(builder, 2)]).count == 1)
    }
  }

  @Test("a builder is disabled only when a claim for it is over, and loses that job, too")
  func disabledWhileItClaims() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let other = try await begin(wish(builder, 1), farm)
      async let disabled = farm.database.setBuilderState(String(builder), to: .disabled)
      try await untilSomebodyWaits(for: other)
      try await other.query("COMMIT")
      await other.close()
      #expect(try await disabled.map(\.state) == [.disabled])
      let another = try await farm.addBuilder("2")
      #expect(try await farm.claim(another)?.attempt == 2)
    }
  }

  @Test("of what a builder comes back without, others get at once what had not begun, uncharged")
  func forsaken() async throws {
    try await Farm.with { farm in
      for name in ["kept", "idle", "busy"] { try await farm.addJob(name) }
      let builder = try await farm.addBuilder()
      var jobs: [String: ClaimedJob] = [:]
      for _ in 0..<3 {
        let job = try #require(try await farm.claim([wish(builder, 1)]).first)
        jobs[job.crate] = job
      }
      let (kept, idle, busy) = (
        try #require(jobs["kept"]), try #require(jobs["idle"]), try #require(jobs["busy"])
      )
      try await farm.database.setStage(.build, job: busy.id, attempt: 1, builder: builder)
      let before = try #require(try await farm.database.job(idle.id)).retriesLeft
      let session = try await reconnect(farm)
      let given = try await farm.database.forsake(
        builder: builder, session: session, keeping: [(kept.id, 1)])
      #expect(Set(given?.map(\.job) ?? []) == [idle.id, busy.id])
      #expect(try await farm.database.job(kept.id)?.state == .leased)
      let free = try #require(try await farm.database.job(idle.id))
      #expect(free.state == .pending && free.hold == nil && free.retriesLeft == before)
      let lost = try #require(try await farm.database.job(busy.id))
      #expect(lost.state == .pending && lost.hold == .backoff && lost.retriesLeft == before - 1)
      #expect(lost.failureClass == FailureClass.leaseLost.rawValue)
      // Nobody has them yet: a builder that has named them too late goes on with both.
      #expect(
        try await farm.database.renew(
          builder: builder, session: session, attempts: [(idle.id, 1), (busy.id, 1)]
        ).count == 2)
    }
  }

  @Test("a job that a builder was given twice in a row and has not begun with is charged")
  func neverBegun() async throws {
    try await Farm.with { farm in
      try await farm.addJob("poison")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim([wish(builder, 1)]).first)
      let before = try #require(try await farm.database.job(job.id)).retriesLeft
      for session in [2, 3] as [Int64] {
        #expect(try await reconnect(farm) == session)
        _ = try await farm.database.forsake(builder: builder, session: session, keeping: [])
        if session == 2 { #expect(try await farm.claim([wish(builder, 2)]).count == 1) }
      }
      let after = try #require(try await farm.database.job(job.id))
      #expect(after.retriesLeft == before - 1 && after.hold == .backoff)
    }
  }

  @Test(
    "a builder has no more jobs at once than slots, whatever it asks for and by whichever session")
  func capacity() async throws {
    try await Farm.with { farm in
      for name in ["one1", "two2", "three3"] { try await farm.addJob(name) }
      let builder = try await farm.addBuilder()
      #expect(try await farm.claim([wish(builder, 1, slots: 9, capacity: 2)]).count == 1)
      let session = try await reconnect(farm)
      let more = wish(builder, session, slots: 9, capacity: 2)
      let last = try await farm.claim([more])
      #expect(last.count == 1)
      #expect(try await farm.claim([more]).isEmpty)
      // With limits of targets, too.
      #expect(try await farm.claim([more], limits: [Farm.triple: 9]).isEmpty)
      _ = try await farm.database.fail(
        builder: builder, job: try #require(last.first).id, attempt: 1,
        failure: ExecutorFailure(.compile, "no"))
      #expect(try await farm.claim([more]).count == 1)
    }
  }

  /// A claim that is not committed yet, on a connection of its own.
  private func begin(_ wish: ClaimWish, _ farm: Farm) async throws -> PostgresConnection {
    let connection = try await PostgresConnection(connecting: farm.database.pool.address)
    let requirements = try await farm.database.requirements().map(\.id)
    try await connection.query("BEGIN")
    let statement = ClaimStatements.Claim(
      [wish], requirements: requirements, tokenHashes: ["token"], seconds: 60)
    #expect(
      try await connection.query(ClaimStatements.Claim.sql, statement.parameters).count == 1)
    return connection
  }
}
