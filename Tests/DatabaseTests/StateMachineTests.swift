import Database
import ExecutorKit
import FarmModel
import Postgres
import Scheduling
import Testing

/// Random interleavings of what builders, operators and time do to jobs, each step of which must leave the
/// database as the reference says.
@Suite("The job's state machine, against a reference", .timeLimit(.minutes(5)))
struct StateMachineTests {
  private static let jobs = 4
  private static let builders = 4
  private static let steps = 250

  /// SplitMix64 (Steele, Lea and Flood 2014): the same seed gives the same walk.
  private struct Walk: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  /// The farm and what it must be.
  private struct Pair {
    let farm: Farm
    let ids: [Int64]
    let builders: [Int64]
    var reference: ReferenceFarm
    /// Every (job, attempt, builder) that was ever claimed.
    var claims: [(job: Int, attempt: Int32, builder: Int)] = []
    var trace: [String] = []
    /// The recipes that are in force, and how many checks were wanted.
    var revision: Int64 = 0
    var checks = 0
  }

  @Test("every step leaves jobs as the design says", arguments: 1...6)
  func walk(seed: UInt64) async throws {
    try await Farm.with { farm in
      var ids: [Int64] = []
      for number in 0..<Self.jobs {
        let version = try await farm.addJob("crate\(number)")
        let rows = try await farm.database.pool.query(
          "SELECT id FROM jobs WHERE version_id = $1", [.int(version)])
        ids.append(Int64(try rows[0].int("id")))
      }
      var builders: [Int64] = []
      for number in 1...Self.builders {
        let builder = try await farm.addBuilder(String(number))
        // One of them has enough for doubled limits.
        try await farm.tellMemory(number == 1 ? 16 << 30 : 4 << 30, of: builder)
        builders.append(builder)
      }
      var pair = Pair(
        farm: farm, ids: ids, builders: builders, reference: ReferenceFarm(jobs: Self.jobs))
      pair.revision =
        try await farm.database.installRecipes(
          digest: String(repeating: "f", count: 64), files: ["recipes/a.yaml": ""], note: "",
          expecting: .any
        ).revision
      var random = Walk(state: seed)
      for _ in 0..<Self.steps {
        try await step(&pair, &random)
        try await compare(pair, seed: seed)
      }
      try await checkBooks(pair)
    }
  }

  private func step(_ pair: inout Pair, _ random: inout Walk) async throws {
    let builder = Int.random(in: 0..<Self.builders, using: &random)
    let job = Int.random(in: 0..<Self.jobs, using: &random)
    switch Int.random(in: 0..<14, using: &random) {
    case 0...3: try await claim(&pair, builder)
    case 4: try await renew(&pair, &random)
    case 5: try await expire(&pair, job)
    case 6, 7: try await fail(&pair, &random)
    case 8: try await publish(&pair, &random)
    case 9:
      pair.trace.append("cancel \(job)")
      _ = try await pair.farm.database.cancel(job: pair.ids[job])
      pair.reference.cancelled(job)
    case 10:
      let isRetry = Bool.random(using: &random)
      pair.trace.append("\(isRetry ? "retry" : "rebuild") \(job)")
      if isRetry {
        _ = try await pair.farm.database.retry(job: pair.ids[job])
        pair.reference.retried(job)
      } else {
        _ = try await pair.farm.database.rebuild(job: pair.ids[job])
        pair.reference.rebuilt(job)
      }
    case 11: try await reconnect(&pair, builder, &random)
    case 12: try await wantCheck(&pair, job)
    default:
      pair.trace.append("release")
      try await pair.farm.database.pool.query(
        "UPDATE jobs SET not_before = clock_timestamp() WHERE hold = 'backoff'")
      _ = try await pair.farm.database.releaseHeldJobs()
      // Whom to avoid and who pauses is tested elsewhere: here everybody may try everything.
      try await pair.farm.database.pool.query("UPDATE jobs SET avoid = '{}' WHERE avoid <> '{}'")
      pair.reference.released()
    }
  }

  private func claim(_ pair: inout Pair, _ builder: Int) async throws {
    try await pair.farm.database.pool.query(
      "UPDATE builders SET quarantined_until = NULL WHERE quarantined_until IS NOT NULL")
    let claimed = try await pair.farm.claim(pair.builders[builder], memory: 16 << 30)
    let isClaimable = pair.reference.jobs.contains { $0.state == .pending && !$0.isHeld }
    #expect((claimed != nil) == isClaimable, "\(pair.trace.suffix(20))")
    guard let claimed, let job = pair.ids.firstIndex(of: claimed.id) else { return }
    pair.trace.append("claim \(job) by \(builder)")
    pair.reference.claimed(job, by: builder)
    pair.claims.append((job, claimed.attempt, builder))
  }

  private func renew(_ pair: inout Pair, _ random: inout Walk) async throws {
    guard let claim = pair.claims.randomElement(using: &random) else { return }
    pair.trace.append("renew \(claim)")
    let held = try await pair.farm.database.renew(
      builder: pair.builders[claim.builder], attempts: [(pair.ids[claim.job], claim.attempt)])
    let holds = pair.reference.holds(claim.job, attempt: claim.attempt, builder: claim.builder)
    #expect(held.isEmpty != holds, "\(pair.trace.suffix(20))")
    if holds { pair.reference.renewed(claim.job, by: claim.builder) }
  }

  /// A builder comes back, and goes on with some of its jobs.
  private func reconnect(_ pair: inout Pair, _ builder: Int, _ random: inout Walk) async throws {
    let held = pair.reference.jobs.indices.filter {
      pair.reference.jobs[$0].state == .leased && pair.reference.jobs[$0].builder == builder
    }
    let kept = held.filter { _ in Bool.random(using: &random) }
    pair.trace.append("builder \(builder) comes back with \(kept) of \(held)")
    let session = try await pair.farm.database.registerBuilder(
      name: "builder", publicKey: String(repeating: String(builder + 1), count: 64), version: "1",
      tokenHash: nil
    ).session
    let (jobs, ids) = (pair.reference.jobs, pair.ids)
    let taken = try await pair.farm.database.forsake(
      builder: pair.builders[builder], session: session,
      keeping: kept.map { (ids[$0], jobs[$0].attempt) })
    let lost = held.filter { !kept.contains($0) }
    #expect(Set((taken ?? []).map(\.job)) == Set(lost.map { pair.ids[$0] }))
    for job in lost { pair.reference.forsaken(job, by: builder) }
  }

  private func expire(_ pair: inout Pair, _ job: Int) async throws {
    guard pair.reference.jobs[job].state == .leased, let builder = pair.reference.jobs[job].builder
    else { return }
    pair.trace.append("expire \(job)")
    try await pair.farm.expire(pair.ids[job])
    #expect(try await pair.farm.database.expireLeases().map(\.job) == [pair.ids[job]])
    pair.reference.failed(job, builder: builder, .leaseLost, hasLargerBuilder: true)
  }

  private func fail(_ pair: inout Pair, _ random: inout Walk) async throws {
    guard let claim = pair.claims.randomElement(using: &random) else { return }
    let failure =
      [FailureClass.infrastructure, .infrastructure, .compile, .outOfMemory, .cancelled]
      .randomElement(using: &random) ?? .compile
    pair.trace.append("fail \(claim) \(failure)")
    let holds = pair.reference.holds(claim.job, attempt: claim.attempt, builder: claim.builder)
    _ = try await pair.farm.database.fail(
      builder: pair.builders[claim.builder], job: pair.ids[claim.job], attempt: claim.attempt,
      failure: ExecutorFailure(failure, "told so"))
    if holds {
      pair.reference.failed(claim.job, builder: claim.builder, failure, hasLargerBuilder: true)
    }
  }

  private func publish(_ pair: inout Pair, _ random: inout Walk) async throws {
    guard let claim = pair.claims.randomElement(using: &random) else { return }
    pair.trace.append("publish \(claim)")
    let holds = pair.reference.holds(claim.job, attempt: claim.attempt, builder: claim.builder)
    let reference = pair.reference.jobs[claim.job]
    let wasPublished = (reference.published + reference.checked).contains(claim.attempt)
    if reference.isOnlyCheck, Bool.random(using: &random) {
      return try await recordCheck(&pair, claim, holds: holds, wasPublished: wasPublished)
    }
    let job = ClaimedJob(
      builder: pair.builders[claim.builder], id: pair.ids[claim.job], attempt: claim.attempt,
      plan: Farm.plan("crate\(claim.job)"), crate: "", version: "", checksum: "",
      downloadTemplate: "", isVerification: false, token: 0)
    switch try await pair.farm.publish(job, builder: job.builder) {
    case .published:
      #expect(holds && !wasPublished, "\(pair.trace.suffix(20))")
      pair.reference.succeeded(claim.job)
    case .alreadyPublished: #expect(wasPublished, "\(pair.trace.suffix(20))")
    default: #expect(!holds && !wasPublished, "\(pair.trace.suffix(20))")
    }
  }

  /// What is served was checked by this attempt.
  private func recordCheck(
    _ pair: inout Pair, _ claim: (job: Int, attempt: Int32, builder: Int), holds: Bool,
    wasPublished: Bool
  ) async throws {
    let served = try #require(try await pair.farm.database.job(pair.ids[claim.job])?.buildID)
    switch try await pair.farm.database.recordCheck(
      builder: pair.builders[claim.builder], job: pair.ids[claim.job], attempt: claim.attempt,
      build: served, report: Farm.report())
    {
    case .checked:
      #expect(holds && !wasPublished, "\(pair.trace.suffix(20))")
      pair.reference.checked(claim.job)
    case .alreadyPublished: #expect(wasPublished, "\(pair.trace.suffix(20))")
    default: #expect(!holds && !wasPublished, "\(pair.trace.suffix(20))")
    }
  }

  /// The recipes want the same build of a job, and another check of it.
  private func wantCheck(_ pair: inout Pair, _ job: Int) async throws {
    pair.checks += 1
    pair.trace.append("check \(pair.checks) of \(job)")
    let stored = try #require(try await pair.farm.database.job(pair.ids[job]))
    var plan = Farm.plan(stored.crate)
    plan.checks.smoke = [SmokeTest(arguments: ["\(pair.checks)"])]
    var edits = JobEdits()
    edits.planned = [
      (
        pair.ids[job],
        WantedJob(
          versionID: try await pair.farm.versionID(stored.crate), target: Farm.triple,
          jobClass: .new, group: stored.crate, plan: plan, planDigest: stored.planDigest)
      )
    ]
    try await pair.farm.database.edit(edits, revision: pair.revision)
    pair.reference.checkWanted(job)
  }

  private func compare(_ pair: Pair, seed: UInt64) async throws {
    for (index, id) in pair.ids.enumerated() {
      let stored = try #require(try await pair.farm.database.job(id))
      let wanted = pair.reference.jobs[index]
      let isSame =
        stored.state == wanted.state && stored.attempt == wanted.attempt
        && stored.retriesLeft == wanted.retriesLeft && (stored.hold != nil) == wanted.isHeld
        && (stored.hold == .suspect) == wanted.isSuspect
        && stored.isOnlyCheck == wanted.isOnlyCheck
      try #require(
        isSame,
        "seed \(seed), job \(index): \(stored) is not \(wanted) after \(pair.trace.suffix(20))")
    }
  }

  /// No attempt was published twice or under another's fence, numbers have no gaps, and what is served is
  /// what was published last.
  private func checkBooks(_ pair: Pair) async throws {
    for (index, id) in pair.ids.enumerated() {
      let rows = try await pair.farm.database.pool.query(
        "SELECT attempt FROM builds WHERE job_id = $1 ORDER BY revision", [.int(id)])
      #expect(
        try rows.map { Int32(try $0.int("attempt")) } == pair.reference.jobs[index].published)
      let attempts = try await pair.farm.database.attempts(ofJob: id)
      #expect(
        attempts.map(\.attempt)
          == Array(1...max(1, pair.reference.jobs[index].attempt))
          .filter { $0 <= pair.reference.jobs[index].attempt })
      #expect(
        attempts.filter { $0.result == "succeeded" }.map(\.attempt)
          == (pair.reference.jobs[index].published + pair.reference.jobs[index].checked).sorted())
    }
  }
}
