import Database
import ExecutorKit
import FarmModel
import Postgres
import Scheduling
import Testing

@Suite("The order of claims", .timeLimit(.minutes(5)))
struct TurnTests {
  private static let slow = "s390x-unknown-linux-gnu"
  private static let fast = Farm.triple

  /// Makes jobs of crates that are new to the farm, one for each target.
  private func add(
    _ farm: Farm, _ crates: [String], targets: [String], group: String? = nil,
    jobClass: JobClass = .new
  ) async throws {
    var records = [Farm.registry]
    for crate in crates { records.append(try Farm.version(crate)) }
    _ = try await farm.database.ingest(records)
    var jobs: [WantedJob] = []
    for crate in crates {
      let version = try await farm.versionID(crate)
      for target in targets {
        var plan = Farm.plan(crate)
        plan.inputs.target = target
        jobs.append(
          WantedJob(
            versionID: version, target: target, jobClass: jobClass, group: group ?? crate,
            plan: plan, planDigest: String(repeating: "b", count: 64)))
      }
    }
    _ = try await farm.database.want(jobs)
  }

  /// The next job of a builder that builds for these targets.
  private func next(_ farm: Farm, _ builder: Int64, _ targets: String...) async throws
    -> ClaimedJob?
  {
    let numbers = try await farm.database.requirements()
      .filter { targets.contains($0.requirement.target) }.map(\.id)
    return try await farm.database.claim(
      [ClaimWish(builder: builder, slots: 1)], requirements: numbers, tokenHashes: ["token"]
    ).first
  }

  @Test("what a workspace has left for a slow target delays nobody who comes for it later")
  func slowTarget() async throws {
    try await Farm.with { farm in
      try await add(
        farm, (0..<20).map { "many\($0)" }, targets: [Self.fast, Self.slow], group: "workspace")
      let builder = try await farm.addBuilder()
      #expect(try await next(farm, builder, Self.slow)?.crate == "many0")
      for _ in 0..<20 { #expect(try await next(farm, builder, Self.fast) != nil) }
      try await add(farm, ["single"], targets: [Self.slow])
      let order = [
        try await next(farm, builder, Self.slow)?.crate,
        try await next(farm, builder, Self.slow)?.crate,
      ]
      #expect(order.contains("single"), "\(order)")
    }
  }

  @Test("targets take turns at a builder that builds for both, however far their clocks are apart")
  func targetsTakeTurns() async throws {
    try await Farm.with { farm in
      let builder = try await farm.addBuilder()
      try await add(farm, (0..<30).map { "early\($0)" }, targets: [Self.fast], group: "early")
      for _ in 0..<25 { #expect(try await next(farm, builder, Self.fast) != nil) }
      try await add(farm, (0..<5).map { "late\($0)" }, targets: [Self.slow], group: "late")
      var order: [String] = []
      while let job = try await next(farm, builder, Self.fast, Self.slow) {
        order.append(job.plan.inputs.target)
      }
      #expect(order.count == 10)
      #expect(zip(order, order.dropFirst()).allSatisfy { $0 != $1 }, "\(order)")
    }
  }

  @Test("builders that claim together get jobs of both targets")
  func together() async throws {
    try await Farm.with { farm in
      try await add(farm, (0..<9).map { "fast\($0)" }, targets: [Self.fast])
      try await add(farm, (0..<9).map { "slow\($0)" }, targets: [Self.slow])
      var wishes: [ClaimWish] = []
      for digit in ["1", "2", "3", "4"] {
        wishes.append(ClaimWish(builder: try await farm.addBuilder(digit), slots: 1))
      }
      let claimed = try await farm.database.claim(
        wishes, requirements: try await farm.database.requirements().map(\.id),
        tokenHashes: ["a", "b", "c", "d"])
      #expect(
        claimed.map(\.plan.inputs.target).sorted() == [Self.fast, Self.fast, Self.slow, Self.slow])
    }
  }

  @Test(
    "a job that is taken with its version, before its turn, sends nobody to the end of the queue")
  func outOfTurn() async throws {
    try await Farm.with { farm in
      // The last crate of the workspace is the first one of the fast target.
      try await add(farm, (0..<9).map { "many\($0)" }, targets: [Self.slow], group: "workspace")
      try await add(farm, ["many9"], targets: [Self.fast, Self.slow], group: "workspace")
      let builder = try await farm.addBuilder()
      let fast = try await farm.database.requirements()
      #expect(try await next(farm, builder, Self.slow)?.crate == "many0")
      let both = try await farm.database.claim(
        [ClaimWish(builder: builder, slots: 2)], requirements: fast.map(\.id),
        tokenHashes: ["a", "b"])
      #expect(both.map(\.crate) == ["many9", "many9"])
      try await add(farm, ["single"], targets: [Self.slow])
      let order = [
        try await next(farm, builder, Self.slow)?.crate,
        try await next(farm, builder, Self.slow)?.crate,
      ]
      #expect(order.contains("single"), "\(order)")
    }
  }

  @Test("rebuilds of a workspace take turns with those of others")
  func rebuilds() async throws {
    try await Farm.with { farm in
      let builder = try await farm.addBuilder()
      try await add(farm, ["one", "two", "three", "other"], targets: [Self.fast])
      try await farm.database.pool.query(
        "UPDATE crates SET repository = 'https://example.org/workspace' WHERE name <> 'other'")
      var jobs: [String: Int64] = [:]
      while let job = try await next(farm, builder, Self.fast) {
        jobs[job.crate] = job.id
        _ = try await farm.publish(job, builder: builder)
      }
      for crate in ["one", "two", "three", "other"] {
        #expect(try await farm.database.rebuild(job: try #require(jobs[crate]))?.state == .pending)
      }
      _ = try await next(farm, builder, Self.fast)
      #expect(try await next(farm, builder, Self.fast)?.crate == "other")
    }
  }

  @Test("groups whose turns are over are forgotten, those that still wait are not")
  func forgetting() async throws {
    try await Farm.with { farm in
      let builder = try await farm.addBuilder()
      try await add(farm, ["past"], targets: [Self.fast])
      #expect(try await next(farm, builder, Self.fast)?.crate == "past")
      try await add(farm, ["a1", "a2", "a3"], targets: [Self.fast], group: "waiting")
      #expect(try await farm.database.forgetIdleGroups(limit: 100) == 1)
      try await add(farm, ["a4"], targets: [Self.fast], group: "waiting")
      try await add(farm, ["single"], targets: [Self.fast])
      var order: [String] = []
      while let job = try await next(farm, builder, Self.fast) { order.append(job.crate) }
      #expect(Set(order.prefix(2)) == ["a1", "single"])
      #expect(order.suffix(3) == ["a2", "a3", "a4"])
    }
  }

  @Test("a workspace of many crates does not delay another's one crate")
  func turns() async throws {
    try await Farm.with { farm in
      for number in 0..<5 { try await farm.addJob("many\(number)", group: "workspace") }
      try await farm.addJob("single")
      let builder = try await farm.addBuilder()
      _ = try await farm.claim(builder)
      #expect(try await farm.claim(builder)?.crate == "single")
    }
  }

  @Test("every job's turn comes, however many others arrive all the time", arguments: 1...3)
  func boundedWait(groups: Int) async throws {
    try await Farm.with { farm in
      let builder = try await farm.addBuilder()
      var number = 0
      /// Each greedy group adds two jobs for each one that is taken.
      func arrive() async throws {
        for group in 0..<groups {
          for _ in 0..<2 {
            number += 1
            try await farm.addJob("greedy\(number)", group: "group \(group)")
          }
        }
      }
      for _ in 0..<5 { try await arrive() }
      for _ in 0..<3 {
        _ = try await farm.claim(builder)
        try await arrive()
      }
      try await farm.addJob("modest")
      var claims = 0
      while try await farm.claim(builder)?.crate != "modest" {
        claims += 1
        // One of each group that is ahead, and one of each whose turn is the same.
        try #require(claims <= 2 * groups)
        try await arrive()
      }
    }
  }

  @Test("jobs that are made together take turns by their groups as if they were made one by one")
  func madeTogether() async throws {
    try await Farm.with { farm in
      var jobs: [WantedJob] = []
      for (crate, group) in [("w1", "w"), ("w2", "w"), ("w3", "w"), ("alone", "alone")] {
        _ = try await farm.database.ingest([Farm.registry, Farm.version(crate)])
        jobs.append(
          WantedJob(
            versionID: try await farm.versionID(crate), target: Farm.triple, jobClass: .new,
            group: group, plan: Farm.plan(crate), planDigest: String(repeating: "b", count: 64)))
      }
      // The same job twice is one.
      #expect(try await farm.database.want(jobs + jobs.prefix(1)) == 4)
      #expect(try await farm.database.want(jobs) == 0)
      let ranks = try await farm.database.pool.query("SELECT rank FROM jobs ORDER BY version_id")
        .map { try $0.int("rank") }
      #expect(ranks.count == 4)
      #expect(zip(ranks, ranks.dropFirst()).prefix(2).allSatisfy { $0 + 1 == $1 })
      #expect(ranks.last == ranks.first)
      let builder = try await farm.addBuilder()
      var order: [String] = []
      while let job = try await farm.claim(builder) { order.append(job.crate) }
      #expect(Set(order.prefix(2)) == ["w1", "alone"] && order.suffix(2) == ["w2", "w3"])
    }
  }
}
