import BuilderProtocol
import Database
import FarmModel
import Scheduling
import Testing

@Suite("Verification of published builds by another builder")
struct VerificationTests {
  /// Publishes a build of `tool` by the first builder, with `verify`; the builders and the build.
  private func published(
    _ farm: Farm, secondCan: Bool = true
  ) async throws -> (first: Int64, second: Int64, build: Int64) {
    try await farm.addJob("tool")
    let first = try await farm.addBuilder("1")
    let second = try await farm.addBuilder("2")
    try await farm.tellMemory(8 << 30, of: first)
    if secondCan { try await farm.tellMemory(8 << 30, of: second) }
    let job = try #require(try await farm.claim(first))
    #expect(!job.isVerification)
    guard case .published(let build, _) = try await farm.publish(job, builder: first, verify: true)
    else { throw VerificationTestError.notPublished }
    return (first, second, build)
  }

  @Test("another builder gets the job, the one that built it does not")
  func other() async throws {
    try await Farm.with { farm in
      let (first, second, build) = try await published(farm)
      #expect(try await farm.claim(first) == nil)
      let again = try #require(try await farm.claim(second))
      #expect(again.isVerification)
      #expect(try await farm.database.job(again.id)?.verifies == build)
      let finding = ReproducibilityFinding(differing: ["bin/tool"])
      let outcome = try await farm.database.recordVerification(
        builder: second, job: again.id, attempt: again.attempt, build: build, finding: finding,
        environment: "sha256:2")
      #expect(outcome == .verified(build: build, finding))
      let stored = try #require(try await farm.database.build(build))
      #expect(stored.reproducibility == "differs")
      #expect(stored.verification?.differing == ["bin/tool"])
      #expect(stored.verification?.environmentDigest == "sha256:2")
      #expect(try await farm.database.job(again.id)?.state == .succeeded)
    }
  }

  @Test("the same finding sent again changes nothing, and a stale one is refused")
  func fences() async throws {
    try await Farm.with { farm in
      let (_, second, build) = try await published(farm)
      let again = try #require(try await farm.claim(second))
      func record(_ attempt: Int32) async throws -> PublicationOutcome {
        try await farm.database.recordVerification(
          builder: second, job: again.id, attempt: attempt, build: build,
          finding: ReproducibilityFinding(differing: []), environment: "sha256:2")
      }
      #expect(try await record(again.attempt + 1) == .stale)
      _ = try await record(again.attempt)
      #expect(try await record(again.attempt) == .alreadyPublished)
      #expect(try await farm.database.build(build)?.reproducibility == "reproduced")
    }
  }

  @Test("where no other builder can, no job is made")
  func nobody() async throws {
    try await Farm.with { farm in
      let (_, second, _) = try await published(farm, secondCan: false)
      #expect(try await farm.claim(second) == nil)
      #expect(try await farm.database.queueCounts().allSatisfy { $0.state == .succeeded })
    }
  }

  @Test("a verification is no job of the version: pages and requests do not see it")
  func hidden() async throws {
    try await Farm.with { farm in
      _ = try await published(farm)
      let crate = try #require(try await farm.database.crate(named: "tool"))
      let status = try await farm.database.targetStatus(ofCrate: crate.id)
      #expect(status.map(\.state) == [.succeeded])
      let version = try #require(status.first).versionID
      let asked = try await farm.database.request(version: version, target: Farm.triple)
      #expect(asked?.state == .succeeded)
    }
  }

  @Test("a newer build cancels the verification of the older one that has not begun")
  func newer() async throws {
    try await Farm.with { farm in
      let (first, second, _) = try await published(farm)
      try await farm.addJob("tool", digest: "c")
      let rebuild = try #require(try await farm.claim(first))
      _ = try await farm.publish(rebuild, builder: first)
      #expect(try await farm.claim(second) == nil)
    }
  }

  @Test("a builder without the plan's executor for the target does not get the job")
  func executor() async throws {
    try await Farm.with { farm in
      try await farm.addJob("tool")
      let builder = try await farm.addBuilder()
      func claim(_ executor: String) async throws -> ClaimedJob? {
        var profile = Farm.profile()
        profile.targets[0].module = executor
        let numbers = try await farm.database.requirements().filter {
          profile.obstacle(to: $0.requirement) == nil
        }.map(\.id)
        return try await farm.database.claim(
          [ClaimWish(builder: builder, slots: 1)], requirements: numbers, tokenHashes: ["token"]
        ).first
      }
      #expect(try await claim("other") == nil)
      #expect(try await claim("fake") != nil)
    }
  }
}

enum VerificationTestError: Error { case notPublished }
