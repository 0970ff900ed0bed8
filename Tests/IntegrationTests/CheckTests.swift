import Backend
import BuilderProtocol
import Cryptography
import Database
import ExecutorKit
import FarmModel
import Foundation
import Postgres
import Recipes
import SimulatedBuilders
import Testing

@Suite(
  "what is published is checked once more when its recipe asks for it", .timeLimit(.minutes(2)))
struct CheckTests {
  private static let bytes = BackendPublishTests.bytes

  /// A farm that serves a build of `alpha`, made by a builder that goes on.
  private struct Published {
    var farm: BackendFarm
    var session: SimulatedSession
    var job: AssignedJob
    var first: RecipeSet

    /// Brings a recipe for the crate into force that asks for this output; what it changes.
    func expect(_ output: String, features: String = "[]") async throws -> [JobChange] {
      let text = """
        crate: alpha
        versions: [{ features: \(features), smoke: [{ expect: "\(output)" }] }]

        """
      let target = "targets/\(BackendFarm.x86).yaml"
      let set = try RecipeSet(files: [
        SourceText(path: "recipes/alpha.yaml", text: text),
        SourceText(path: target, text: TestFolder.target(BackendFarm.x86)),
      ])
      var changes: [JobChange] = []
      try await RecipeDifference(farm.database, applying: set, over: nil).forEachChange {
        changes.append($0)
      }
      let installed = try await farm.database.install(set, note: "")
      while try await farm.database.recipeStanding()?.planned != installed.revision {
        try await Task.sleep(for: .milliseconds(20))
      }
      return changes
    }

    func next() async throws -> AssignedJob {
      try await session.send(.ready(Ready(slots: 1)))
      return try await session.assigned()
    }

    /// What a builder tells that has started the published binaries.
    func report(_ output: String, sha256: String? = nil) -> BuildReport {
      var report = job.report(CheckTests.bytes)
      report.artifacts = []
      report.seconds = ["smoke": 0.1]
      report.binaries[0].smoke[0].output = output
      report.binaries[0].smoke[0].verdict = .expected
      if let sha256 { report.binaries[0].sha256 = sha256 }
      return report
    }

    /// Lets the job be claimed again by the only builder, at once.
    func retried() async throws -> AssignedJob {
      _ = try await farm.database.retry(job: job.job)
      return try await next()
    }

    func stored() async throws -> StoredJob {
      try #require(try await farm.database.job(job.job))
    }
  }

  private func published(_ body: @escaping @Sendable (Published) async throws -> Void) async throws
  {
    try await BackendFarm.with { farm in
      let target = "targets/\(BackendFarm.x86).yaml"
      let first = try RecipeSet(files: [
        SourceText(path: target, text: TestFolder.target(BackendFarm.x86))
      ])
      let installed = try await farm.database.install(first, note: "")
      while try await farm.database.recipeStanding()?.planned != installed.revision {
        try await Task.sleep(for: .milliseconds(20))
      }
      try await farm.report([BackendFarm.registry, try BackendFarm.version("alpha")])
      try await ScriptedBuilder().work(farm) { session in
        let job = try await session.assigned()
        #expect(job.check == nil)
        _ = try await farm.upload(
          Self.bytes, to: "\(job.uploadURL)/\(job.archive)", token: job.uploadToken)
        _ = try await session.finish(job, .succeeded, report: job.report(Self.bytes))
        try await body(Published(farm: farm, session: session, job: job, first: first))
      }
    }
  }

  @Test("it is started once more from the published archive, and nothing is built or published")
  func checked() async throws {
    try await published { test in
      let before = try await test.stored()
      let changes = try await test.expect("^alpha")
      #expect(changes.map(\.kind) == [.check])
      #expect(changes.first?.reason == "smoke" && changes.first?.seconds == nil)
      let page = try await test.farm.get("/api/v1/crates/alpha/1.0.0/\(BackendFarm.x86)")
      #expect(page.json("state") == "pending" && page.json("artifacts", "0", "name") != "")

      let again = try await test.next()
      #expect(again.job == test.job.job && again.attempt == 2)
      #expect(again.plan.checks.smoke.map(\.expect) == ["^alpha"])
      #expect(again.plan.digest == test.job.plan.digest)
      let check = try #require(again.check)
      #expect(check.sha256 == SHA256.hex(of: Self.bytes))
      #expect(check.url.hasPrefix(test.farm.url))
      let path = String(check.url.dropFirst(test.farm.url.count))
      #expect(try await test.farm.get(path).body == Self.bytes)
      let running = try await test.farm.get("/api/v1/jobs/\(test.job.job)")
      #expect(running.json("is_check") == "1", "\(running.text)")

      let report = test.report("alpha 1.0.0\n")
      for _ in 1...2 {
        let answer = try await test.session.finish(again, .succeeded, report: report)
        #expect(answer == .accepted(again.reference), "also when it is told twice")
      }
      let after = try await test.stored()
      #expect(after.state == .succeeded && after.buildID == before.buildID && !after.isOnlyCheck)
      let job = try await test.farm.get("/api/v1/jobs/\(test.job.job)")
      #expect(job.json("build", "revision") == "1")
      #expect(job.json("build", "binaries", "0", "smoke", "0", "output") == "alpha 1.0.0\n")
      #expect(job.json("build", "binaries", "0", "smoke", "0", "verdict") == "expected")
      #expect(job.json("build", "checked_at").hasPrefix("20"), "\(job.text)")
      #expect(try await test.expect("^alpha").isEmpty, "there is nothing left to do")
    }
  }

  @Test(
    "where the check fails the job fails, what is published stays, and a mended recipe checks again"
  )
  func fails() async throws {
    try await published { test in
      _ = try await test.expect("^beta")
      let again = try await test.next()
      let told = try await test.session.finish(again, .failed(.smoke, message: "no beta"))
      #expect(told == .accepted(again.reference))
      let failed = try await test.stored()
      #expect(failed.state == .failed && failed.failureClass == "smoke" && failed.isOnlyCheck)
      let download = "/download/alpha-1.0.0/\(test.job.archive)"
      #expect(try await test.farm.get(download).body == Self.bytes)
      let outlook = try await test.farm.database.outlook(of: [failed], limits: [:])[failed.id]
      #expect(outlook?.why == "what is published stays, but its check failed: smoke: no beta")

      #expect(try await test.expect("^alpha").map(\.kind) == [.check])
      let mended = try await test.next()
      #expect(mended.check == again.check && mended.plan.checks.smoke.map(\.expect) == ["^alpha"])
      _ = try await test.session.finish(mended, .succeeded, report: test.report("alpha\n"))
      #expect(try await test.stored().state == .succeeded)
    }
  }

  @Test("an edit that changes the build while a check waits makes a build of it")
  func rebuild() async throws {
    try await published { test in
      #expect(try await test.expect("^alpha").map(\.kind) == [.check])
      #expect(try await test.expect("^alpha 1").map(\.kind) == [.replan])
      #expect(try await test.stored().isOnlyCheck, "it is still one")
      #expect(try await test.expect("^alpha", features: "[extra]").map(\.kind) == [.rebuild])
      let built = try await test.next()
      #expect(built.check == nil && built.plan.inputs.features == ["extra"])
    }
  }

  @Test(
    "an operator's rebuild builds what a check has failed for, and what is only to be checked does not"
  )
  func forced() async throws {
    try await published { test in
      _ = try await test.expect("^beta")
      let recipes = try #require(try await RecipesInForce(test.farm.database))
      let again = try await test.next()
      _ = try await test.session.finish(again, .failed(.smoke, message: "no beta"))
      #expect(try await test.farm.database.retry(job: test.job.job)?.state == .pending)
      let retried = try await test.next()
      #expect(retried.check != nil, "a retry tries the same again")
      _ = try await test.session.finish(retried, .failed(.smoke, message: "no beta"))
      #expect(try await recipes.rebuild(job: test.job.job)?.state == .pending)
      #expect(try await recipes.rebuild(job: 999) == nil)
      let built = try await test.next()
      #expect(built.check == nil && built.plan.checks.smoke.map(\.expect) == ["^beta"])
    }
  }

  @Test("an operator's rebuild makes a build of a check that waits")
  func forcedWhileWaiting() async throws {
    try await published { test in
      _ = try await test.expect("^alpha")
      #expect(try await test.farm.database.rebuild(job: test.job.job)?.state == .pending)
      #expect(try await test.next().check == nil)
    }
  }

  @Test("an operator who cancels a check leaves the job as it was, waiting or running")
  func cancelled() async throws {
    try await published { test in
      _ = try await test.expect("^alpha")
      #expect(try await test.farm.database.cancel(job: test.job.job)?.state == .succeeded)
      #expect(try await test.expect("^alpha").isEmpty, "until the recipe changes")
      #expect(try await test.expect("^alpha 1").map(\.kind) == [.check])
      let again = try await test.next()
      let asked = try await test.farm.database.cancel(job: test.job.job)
      #expect(asked?.state == .leased && asked?.isCancelRequested == true)
      _ = try await test.session.finish(again, .failed(.cancelled, message: "as told"))
      let stored = try await test.stored()
      #expect(stored.state == .succeeded && !stored.isOnlyCheck && stored.failureClass == nil)
      #expect(try await test.expect("^alpha", features: "[extra]").map(\.kind) == [.rebuild])
    }
  }

  @Test("a check that is skipped and comes back is told and done as a check")
  func skipped() async throws {
    try await published { test in
      _ = try await test.expect("^alpha")
      let target = "targets/\(BackendFarm.x86).yaml"
      let skips = try RecipeSet(files: [
        SourceText(path: target, text: TestFolder.target(BackendFarm.x86)),
        SourceText(
          path: "recipes/alpha.yaml", text: "crate: alpha\nversions: [{ skip: not now }]\n"),
      ])
      let installed = try await test.farm.database.install(skips, note: "")
      while try await test.farm.database.recipeStanding()?.planned != installed.revision {
        try await Task.sleep(for: .milliseconds(20))
      }
      #expect(try await test.stored().state == .cancelled)
      #expect(try await test.expect("^alpha").map(\.kind) == [.check])
      #expect(try await test.next().check != nil)
    }
  }

  @Test("a check tells how programs start, and nothing else of them")
  func onlySmoke() async throws {
    try await published { test in
      let before = try await test.farm.database.secondsPerJob()
      _ = try await test.expect("^alpha")
      let again = try await test.next()
      var report = test.report("alpha")
      report.binaries[0].inspection.needed = ["libother.so"]
      report.binaries.append(report.binaries[0])
      guard case .error = try await test.session.finish(again, .succeeded, report: report) else {
        Issue.record("a binary that is there twice was taken")
        return
      }
      report.binaries.removeLast()
      let job = try await test.retried()
      #expect(
        try await test.session.finish(job, .succeeded, report: report) == .accepted(job.reference))
      let page = try await test.farm.get("/api/v1/jobs/\(test.job.job)")
      #expect(page.json("build", "binaries", "0", "inspection", "needed", "0") == "libc.so.6")
      #expect(page.json("build", "binaries", "0", "smoke", "0", "output") == "alpha")
      #expect(try await test.farm.database.secondsPerJob() == before, "checks are no builds")
    }
  }

  @Test("a published job of an older farm is read once, and known from then on")
  func older() async throws {
    try await published { test in
      _ = try await test.expect("^alpha")
      let again = try await test.next()
      _ = try await test.session.finish(again, .succeeded, report: test.report("alpha"))
      try await test.farm.database.pool.query("UPDATE jobs SET checks_digest = NULL")
      // Another environment for other crates: of this one's job nothing changes.
      _ = try await test.expect("^alpha")
      try await test.farm.database.pool.query("UPDATE recipe_active SET planned_id = NULL")
      while try await test.farm.database.recipeStanding()?.isPlanned != true {
        try await Task.sleep(for: .milliseconds(20))
      }
      let rows = try await test.farm.database.pool.query(
        "SELECT state FROM jobs WHERE checks_digest IS NOT NULL")
      #expect(try rows.map { try $0.text("state") } == ["succeeded"])
    }
  }

  @Test("a builder that knows nothing of checks builds it, which is published as ever")
  func olderBuilder() async throws {
    try await published { test in
      _ = try await test.expect("^alpha")
      let again = try await test.next()
      let other = Array("bytes of another build".utf8)
      _ = try await test.farm.upload(
        other, to: "\(again.uploadURL)/\(again.archive)", token: again.uploadToken)
      let answer = try await test.session.finish(again, .succeeded, report: again.report(other))
      #expect(answer == .accepted(again.reference))
      let page = try await test.farm.get("/api/v1/jobs/\(test.job.job)")
      #expect(page.json("build", "revision") == "2" && page.json("state") == "succeeded")
      #expect(page.json("is_check") == "0")
      let stored = try await test.stored()
      #expect(!stored.isOnlyCheck)
    }
  }

  @Test("a check of other binaries than the published ones is the builder's failure")
  func otherBinaries() async throws {
    try await published { test in
      _ = try await test.expect("^alpha")
      let again = try await test.next()
      let report = test.report("alpha", sha256: String(repeating: "0", count: 64))
      let answer = try await test.session.finish(again, .succeeded, report: report)
      guard case .error(let error) = answer else {
        Issue.record("it was answered with \(answer)")
        return
      }
      #expect(error.message.contains("are not the published ones: tool"), "\(error.message)")
      let stored = try await test.stored()
      #expect(stored.state == .pending && stored.isOnlyCheck && stored.buildID != nil)
      let attempts = try await test.farm.database.attempts(ofJob: test.job.job)
      #expect(attempts.last?.failureClass == "infrastructure")
    }
  }

  @Test("a report without artifacts publishes nothing where a build is wanted")
  func noArtifacts() async throws {
    try await published { test in
      _ = try await test.expect("^alpha", features: "[extra]")
      let built = try await test.next()
      #expect(built.check == nil)
      _ = try await test.session.finish(built, .succeeded, report: test.report("alpha"))
      let stored = try await test.stored()
      #expect(stored.state == .pending && stored.failureClass == "infrastructure")
    }
  }
}
