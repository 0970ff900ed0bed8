import Database
import ExecutorKit
import FarmModel
import Postgres
import Testing

@Suite("A job's way through the database", .timeLimit(.minutes(3)))
struct LifeCycleTests {
  @Test("every statement of the farm fits the migrated schema")
  func statements() async throws {
    try await Farm.with { farm in
      for statement in FarmStatements.all {
        try await farm.database.pool.withConnection { try statement.prepare(on: $0) }
      }
      try await farm.database.pool.withConnection { connection in
        try connection.execute(FarmStatements.stagingTables)
        for statement in FarmStatements.staging { try statement.prepare(on: connection) }
      }
    }
  }

  @Test("a claimed job is nobody else's, and is published once")
  func claimAndPublish() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      #expect(job.attempt == 1)
      #expect(job.crate == "hexyl")
      #expect(try await farm.claim(builder) == nil)
      let first = try await farm.publish(job, builder: builder)
      guard case .published(let build, revision: 1) = first else {
        Issue.record("not published: \(first)")
        return
      }
      #expect(try await farm.publish(job, builder: builder) == .alreadyPublished)
      let stored = try #require(try await farm.database.job(job.id))
      #expect(stored.state == .succeeded)
      #expect(stored.buildID == build)
      #expect(try await farm.database.build(build)?.artifacts.map(\.name) == ["tool.tar.gz"])
    }
  }

  @Test("twenty builders that claim at once get twenty different jobs")
  func concurrentClaims() async throws {
    try await Farm.with { farm in
      for number in 0..<20 { try await farm.addJob("crate\(number)") }
      let builder = try await farm.addBuilder()
      let claimed = try await withThrowingTaskGroup(of: Int64?.self) { group in
        for _ in 0..<20 {
          group.addTask {
            // Another's lock on the one waiting row is skipped, so an empty answer is asked again.
            while true {
              if let job = try await farm.claim(builder) { return job.id }
              if try await farm.database.queueCounts().allSatisfy({ $0.state != .pending }) {
                return nil
              }
            }
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }.compactMap { $0 }
      }
      #expect(Set(claimed).count == 20)
    }
  }

  @Test("an expired lease gives the job to the next builder, and the first one's end is stale")
  func leaseLost() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let (first, second) = (try await farm.addBuilder("1"), try await farm.addBuilder("2"))
      let job = try #require(try await farm.claim(first))
      #expect(try await farm.database.expireLeases().isEmpty)
      try await farm.expire(job.id)
      #expect(try await farm.database.expireLeases().map(\.job) == [job.id])
      #expect(try await farm.claim(second) == nil, "there is a pause before the next try")
      try await farm.endPause(job.id)
      let again = try #require(try await farm.claim(second))
      #expect(again.attempt == 2)
      #expect(try await farm.publish(job, builder: first) == .stale)
      let failure = ExecutorFailure(.compile, "late")
      #expect(
        try await farm.database.fail(builder: first, job: job.id, attempt: 1, failure: failure)
          == nil)
      #expect(try await farm.database.renew(builder: first, attempts: [(job.id, 1)]).isEmpty)
    }
  }

  @Test("an expired lease that nobody claimed since is revived under the same fence")
  func revive() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      try await farm.expire(job.id)
      _ = try await farm.database.expireLeases()
      let held = try await farm.database.renew(builder: builder, attempts: [(job.id, 1)])
      #expect(held.map(\.job) == [job.id])
      #expect(try await farm.database.job(job.id)?.state == .leased)
      #expect(try await farm.database.attempts(ofJob: job.id).map(\.result) == [nil])
      _ = try await farm.publish(job, builder: builder)
      #expect(try await farm.database.job(job.id)?.state == .succeeded)
    }
  }

  @Test("a crate's own failure is final, and telling it twice changes nothing")
  func finalFailure() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      let failure = ExecutorFailure(.compile, "no such type\u{0}")
      for _ in 0..<2 {
        let state = try await farm.database.fail(
          builder: builder, job: job.id, attempt: 1, failure: failure)
        #expect(state == .failed)
      }
      let stored = try #require(try await farm.database.job(job.id))
      #expect(stored.failureClass == "compile")
      #expect(stored.failureMessage == "no such type\u{FFFD}")
    }
  }

  @Test("want of memory is tried again with twice the memory, by a builder that has it")
  func doubledLimits() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl", memory: 4 << 30)
      let builder = try await farm.addBuilder()
      try await farm.tellMemory(8 << 30, of: try await farm.addBuilder("2"))
      let job = try #require(try await farm.claim(builder, memory: 4 << 30))
      let failure = ExecutorFailure(.outOfMemory, "4 GiB")
      #expect(
        try await farm.database.fail(builder: builder, job: job.id, attempt: 1, failure: failure)
          == .pending)
      #expect(try await farm.claim(builder, memory: 4 << 30) == nil)
      let again = try #require(try await farm.claim(builder, memory: 8 << 30))
      #expect(again.plan.limits.memory == 8 << 30)
      #expect(
        try await farm.database.fail(builder: builder, job: job.id, attempt: 2, failure: failure)
          == .failed)
    }
  }

  @Test("want of memory is final where no builder has twice as much")
  func largestBuilder() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl", memory: 4 << 30)
      let builder = try await farm.addBuilder()
      try await farm.tellMemory((8 << 30) - 1, of: builder)
      let job = try #require(try await farm.claim(builder, memory: 4 << 30))
      let failure = ExecutorFailure(.timeout, "too slow")
      #expect(
        try await farm.database.fail(builder: builder, job: job.id, attempt: 1, failure: failure)
          == .failed)
      #expect(
        try await farm.database.job(job.id)?.failureMessage
          == "too slow; no approved builder has twice the memory for another try")
    }
  }

  @Test("in a backfill, popular crates come first")
  func popularity() async throws {
    try await Farm.with { farm in
      for (name, band) in [("rare", 9), ("usual", 5), ("loved", 0)] {
        // Known before its job is made.
        _ = try await farm.database.ingest([Farm.registry, try Farm.version(name)])
        try await farm.database.pool.query(
          "UPDATE crates SET popularity_band = $1 WHERE name = $2", [.int(band), .text(name)])
        try await farm.addJob(name, jobClass: .backfill)
      }
      let builder = try await farm.addBuilder()
      var order: [String] = []
      while let job = try await farm.claim(builder) { order.append(job.crate) }
      #expect(order == ["loved", "usual", "rare"])
    }
  }

  @Test("a request goes before a new version, and a new version before a backfill")
  func classes() async throws {
    try await Farm.with { farm in
      try await farm.addJob("old", jobClass: .backfill)
      try await farm.addJob("fresh", jobClass: .new)
      let wanted = try await farm.addJob("wanted", jobClass: .backfill)
      #expect(try await farm.database.request(version: wanted, target: Farm.triple) != nil)
      let builder = try await farm.addBuilder()
      var order: [String] = []
      while let job = try await farm.claim(builder) { order.append(job.crate) }
      #expect(order == ["wanted", "fresh", "old"])
    }
  }

  @Test("asking for a build does not bring back what has failed")
  func requestOfFailed() async throws {
    try await Farm.with { farm in
      let version = try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      _ = try await farm.database.fail(
        builder: builder, job: job.id, attempt: 1, failure: ExecutorFailure(.compile, "no"))
      let asked = try await farm.database.request(version: version, target: Farm.triple)
      #expect(asked?.id == job.id)
      #expect(asked?.state == .failed)
    }
  }

  @Test("no statement can bring a job's columns out of step with its state")
  func constraints() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      for change in [
        "builder_id = NULL", "lease_expires_at = NULL", "state = 'pending'", "state = 'succeeded'",
        "state = 'failed', builder_id = NULL, lease_expires_at = NULL",
        "finalized_at = clock_timestamp()", "attempt = 0", "not_before = clock_timestamp()",
        "failure_class = 'compile'", "state = 'dancing'", "plan_digest = 'x'",
      ] {
        await #expect(throws: PostgresError.self, "\(change)") {
          try await farm.database.pool.query(
            "UPDATE jobs SET \(change) WHERE id = $1", [.int(job.id)])
        }
      }
    }
  }
}
