import Database
import ExecutorKit
import FarmModel
import Foundation
import Postgres
import Scheduling
import Testing

@Suite("Claims", .timeLimit(.minutes(5)))
struct ClaimTests {
  private static let second = "x86_64-unknown-linux-gnu"

  /// Makes the job of one more target of a version.
  private func addSibling(_ farm: Farm, version: Int64, crate: String) async throws {
    var plan = Farm.plan(crate)
    plan.inputs.target = Self.second
    _ = try await farm.database.want([
      WantedJob(
        versionID: version, target: Self.second, jobClass: .backfill, group: crate, plan: plan,
        planDigest: String(repeating: "b", count: 64))
    ])
  }

  private func numbers(_ farm: Farm) async throws -> [Int64] {
    try await farm.database.requirements().map(\.id)
  }

  @Test("a builder with free slots gets the other targets of the version it has won")
  func siblings() async throws {
    try await Farm.with { farm in
      let version = try await farm.addJob("one")
      try await farm.addJob("two")
      try await addSibling(farm, version: version, crate: "one")
      let builder = try await farm.addBuilder()
      let claimed = try await farm.database.claim(
        [ClaimWish(builder: builder, slots: 3)], requirements: try await numbers(farm),
        tokenHashes: ["a", "b", "c"])
      #expect(claimed.map(\.crate) == ["one", "one"])
      #expect(Set(claimed.map(\.plan.inputs.target)) == [Farm.triple, Self.second])
      #expect(Set(claimed.map(\.token)) == [0, 1])
      let next = try await farm.claim([ClaimWish(builder: builder, slots: 3)])
      #expect(next.map(\.crate) == ["two"])
    }
  }

  @Test("builders that claim together get different jobs, the best first")
  func together() async throws {
    try await Farm.with { farm in
      for name in ["a1", "b1", "c1"] { try await farm.addJob(name) }
      let builders = [
        try await farm.addBuilder("1"), try await farm.addBuilder("2"),
        try await farm.addBuilder("3"), try await farm.addBuilder("4"),
      ]
      let claimed = try await farm.claim(builders.map { ClaimWish(builder: $0, slots: 1) })
      #expect(Set(claimed.map(\.builder)) == Set(builders.prefix(3)))
      #expect(Set(claimed.map(\.crate)) == ["a1", "b1", "c1"])
      #expect(Set(claimed.map(\.token)) == [0, 1, 2])
    }
  }

  @Test("no more jobs of a target run at once than it allows")
  func limits() async throws {
    try await Farm.with { farm in
      for name in ["a1", "b1", "c1"] { try await farm.addJob(name) }
      let builder = try await farm.addBuilder()
      let wish = [ClaimWish(builder: builder, slots: 1)]
      let limits = [Farm.triple: 2]
      let first = try await farm.claim(wish, limits: limits)
      #expect(first.count == 1)
      #expect(try await farm.claim(wish, limits: limits).count == 1)
      #expect(try await farm.claim(wish, limits: limits).isEmpty)
      _ = try await farm.database.fail(
        builder: builder, job: first[0].id, attempt: 1, failure: ExecutorFailure(.compile, "no"))
      #expect(try await farm.claim(wish, limits: limits).count == 1)
    }
  }

  @Test("a builder that drains or is disabled gets nothing")
  func standing() async throws {
    try await Farm.with { farm in
      try await farm.addJob("one")
      let builder = try await farm.addBuilder()
      _ = try await farm.database.setDraining(String(builder), true)
      #expect(try await farm.claim(builder) == nil)
      _ = try await farm.database.setDraining(String(builder), false)
      _ = try await farm.database.setBuilderState(String(builder), to: .disabled)
      #expect(try await farm.claim(builder) == nil)
      _ = try await farm.database.setBuilderState(String(builder), to: .approved)
      #expect(try await farm.claim(builder) != nil)
    }
  }

  @Test("a job that failed for want of infrastructure goes to another builder, if there is one")
  func elsewhere() async throws {
    try await Farm.with { farm in
      try await farm.addJob("one")
      let (first, second) = (try await farm.addBuilder("1"), try await farm.addBuilder("2"))
      try await farm.tellMemory(8 << 30, of: second)
      let job = try #require(try await farm.claim(first))
      _ = try await farm.database.fail(
        builder: first, job: job.id, attempt: 1, failure: ExecutorFailure(.infrastructure, "away"))
      try await farm.endPause(job.id)
      #expect(try await farm.claim(first) == nil)
      #expect(try await farm.database.hasParticularJobs(requirements: try await numbers(farm)))
      #expect(try await farm.claim(second)?.attempt == 2)
    }
  }

  @Test("where no other builder is there, the same one may try again")
  func alone() async throws {
    try await Farm.with { farm in
      try await farm.addJob("one")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      _ = try await farm.database.fail(
        builder: builder, job: job.id, attempt: 1, failure: ExecutorFailure(.infrastructure, "away")
      )
      #expect(try await farm.claim(builder) == nil, "there is a pause")
      try await farm.endPause(job.id)
      #expect(try await farm.claim(builder)?.attempt == 2)
    }
  }

  @Test("a builder that fails at three crates in a row pauses, and a success clears it")
  func quarantine() async throws {
    try await Farm.with { farm in
      for name in ["a1", "b1", "c1", "d1"] { try await farm.addJob(name) }
      let builder = try await farm.addBuilder()
      for _ in 0..<3 {
        let job = try #require(try await farm.claim(builder))
        _ = try await farm.database.fail(
          builder: builder, job: job.id, attempt: 1,
          failure: ExecutorFailure(.infrastructure, "no engine"))
      }
      #expect(try await farm.claim(builder) == nil)
      let stored = try #require(try await farm.database.builders().first)
      #expect(try #require(stored.quarantinedUntil) > Date())
      try await farm.database.pool.query(
        "UPDATE builders SET quarantined_until = clock_timestamp() - interval '1 second'")
      let job = try #require(try await farm.claim(builder))
      _ = try await farm.publish(job, builder: builder)
      #expect(try await farm.database.builders().first?.quarantinedUntil == nil)
    }
  }

  @Test("a job at which three builders fail is suspect: held, and taken off their records")
  func suspect() async throws {
    try await Farm.with { farm in
      try await farm.addJob("culprit")
      var job: ClaimedJob?
      var builders: [Int64] = []
      for digit in ["1", "2", "3"] {
        let builder = try await farm.addBuilder(digit)
        try await farm.tellMemory(8 << 30, of: builder)
        builders.append(builder)
      }
      for (index, builder) in builders.enumerated() {
        let claimed = try #require(try await farm.claim(builder))
        job = claimed
        let state = try await farm.database.fail(
          builder: builder, job: claimed.id, attempt: Int32(index + 1),
          failure: ExecutorFailure(.infrastructure, "the host crashed"))
        #expect(state == .pending)
        if index < 2 { try await farm.endPause(claimed.id) }
      }
      let id = try #require(job?.id)
      let stored = try #require(try await farm.database.job(id))
      #expect(stored.hold == .suspect && stored.failureMessage == "the host crashed")
      #expect(try await farm.database.releaseHeldJobs() == 0)
      #expect(try await farm.claim(builders[0]) == nil)
      let marks = try await farm.database.pool.query(
        "SELECT count(*) AS marks FROM builders WHERE failed_crates <> '{}'")
      #expect(try marks[0].int("marks") == 0)
      // An operator lets it go on, with all its tries before it.
      #expect(try await farm.database.retry(job: id)?.state == .pending)
      #expect(try await farm.claim(builders[0])?.attempt == 4)
    }
  }

  @Test("a claim uses its partial index, and costs as much at a million waiting jobs as at few")
  func plan() async throws {
    try await Farm.with { farm in
      let version = try await farm.addJob("one")
      let builder = try await farm.addBuilder()
      try await farm.database.pool.withConnection { connection in
        try connection.query("SET session_replication_role = replica")
        try connection.query(
          """
          INSERT INTO jobs (version_id, target, state, class, rank, plan, plan_digest, requirement_id)
          SELECT \(version) + n, target, 'pending', n % 4, n, plan, plan_digest, requirement_id
          FROM jobs, generate_series(1, 1000000) AS n
          """)
        try connection.query("SET session_replication_role = origin")
        try connection.query("ANALYZE jobs")
      }
      let text = try await ClaimPlan.explain(
        farm, builder: builder, requirements: try await numbers(farm))
      #expect(text.contains("Index Scan using jobs_claim"), "\(text)")
      #expect(!text.contains("Seq Scan on jobs"), "\(text)")
      #expect(try #require(ClaimPlan.blocks(in: text)) < 200, "\(text)")
    }
  }
}
