import Foundation
import LocalFarm
import Postgres
import TestSupport
import Testing

/// A maintainer at work on a farm that runs: real processes, from the edit to the rebuild.
@Suite("A maintainer's commands", .serialized, .timeLimit(.minutes(5)))
struct RecipesCommandTests {
  private struct Answer {
    var status: Int32
    var output: String
    var errors: String

    var json: [String: Any] {
      (try? JSONSerialization.jsonObject(with: Data(output.utf8))) as? [String: Any] ?? [:]
    }
    func count(_ change: String) -> Int? { (json["counts"] as? [String: Int])?[change] }
  }

  private func recipes(_ test: TestFarm, _ words: String...) async throws -> Answer {
    try await call(
      test,
      ["recipes"] + words + [
        "--targets-directory", test.targets, "--recipes-directory", "\(test.directory)/recipes",
      ])
  }

  private func operate(_ test: TestFarm, _ words: String...) async throws -> Answer {
    try await call(test, ["jobs"] + words)
  }

  private func call(_ test: TestFarm, _ words: [String]) async throws -> Answer {
    let child = try ChildProcess(
      "command",
      [TestPrograms.program("buildsrs")] + words + [
        "--database-url", test.farm.database.connectionString,
      ], directory: "\(test.directory)/commands")
    let status = await child.ending()
    return Answer(
      status: status, output: try String(contentsOfFile: child.outputFile, encoding: .utf8),
      errors: try String(contentsOfFile: child.logFile, encoding: .utf8))
  }

  @Test("an edit is planned, applied and built: exactly what the plan has told")
  func edit() async throws {
    try await TestFarm.with(
      targets: [KillTests.triple: TestFarm.fakeTarget()], modules: ["libFakeExecutor.so"]
    ) { test in
      try test.registry.publishSimple("one")
      try test.registry.publishSimple("two")
      let api = try await test.start()
      try await test.farm.startBuilder("builder")
      try await test.farm.sync(["one", "two"])
      let one = try await test.job(api, "one", KillTests.triple)
      let two = try await test.job(api, "two", KillTests.triple)
      for job in [one, two] { _ = try await test.wait(api, job: job) { $0.isFinal } }
      let none = try await recipes(test, "plan", "--check")
      #expect(none.status == 0 && none.output.contains("No job changes."), "\(none)")

      let file = URL(filePath: "\(test.directory)/recipes/one.yaml")
      try Data("crate: one\nversions: [{ environment: { PATH: x } }]\n".utf8).write(to: file)
      for command in ["plan", "apply"] {
        let broken = try await recipes(test, command)
        #expect(broken.status == 1, "\(broken)")
        #expect(broken.errors.contains("one.yaml:2:29: “PATH” cannot be set"), "\(broken.errors)")
      }
      try Data("crate: one\nversions: [{ environment: { LEVEL: \"2\" } }]\n".utf8).write(to: file)
      let plan = try await recipes(test, "plan", "--check", "--json", "--detail")
      #expect(plan.status == 3, "\(plan)")
      #expect(plan.count("rebuild") == 1 && plan.count("add") == 0, "\(plan.output)")
      #expect((plan.json["seconds"] as? Double ?? 0) > 0, "the last build tells how long it takes")
      let jobs = plan.json["jobs"] as? [[String: Any]]
      #expect(jobs?.map { $0["job"] as? Int64 } == [one])
      #expect(jobs?.first?["why"] as? String == "environment: none → LEVEL=2")
      let table = try await recipes(test, "plan")
      #expect(table.status == 0 && table.output.contains("1 to rebuild"), "\(table.output)")
      #expect(table.output.contains("added recipes/one.yaml"), "\(table.output)")

      let revision = try #require(plan.json["revision"] as? Int64)
      let wrong = try await recipes(test, "apply", "--expect", "\(revision + 7)")
      #expect(wrong.status == 1 && wrong.errors.contains("look at `buildsrs recipes plan`"))
      let applied = try await recipes(
        test, "apply", "--expect", "\(revision)", "--note", "level 2", "--json")
      #expect(applied.status == 0 && applied.json["changed"] as? Bool == true, "\(applied)")
      let rebuilt = try await test.wait(api, job: one) { $0.build?.revision == 2 && $0.isFinal }
      #expect(rebuilt.attempts.count == 2)
      #expect(try await api.job(two).attempts.count == 1, "the other job is as it was")
      let done = try await recipes(test, "plan", "--check")
      #expect(done.status == 0 && done.output.contains("“level 2”"), "\(done)")
      let again = try await recipes(test, "apply")
      #expect(again.status == 0 && again.output.hasPrefix("nothing to do"), "\(again)")

      try await check(test, api, job: one, recipe: file)
    }
  }

  /// Another expectation starts what is published once more, and builds nothing.
  private func check(_ test: TestFarm, _ api: FarmAPI, job: Int64, recipe file: URL) async throws {
    func expect(_ output: String) throws {
      let recipe = "{ environment: { LEVEL: \"2\" }, smoke: [{ expect: \(output) }] }"
      try Data("crate: one\nversions: [\(recipe)]\n".utf8).write(to: file)
    }
    try expect("^never$")
    let plan = try await recipes(test, "plan", "--check")
    #expect(plan.status == 3, "\(plan)")
    #expect(
      plan.output.contains("? check") && plan.output.contains("1 published to check once more"))
    #expect(plan.output.contains("nothing to build"), "\(plan.output)")
    #expect(try await recipes(test, "apply").status == 0)
    let failed = try await test.wait(api, job: job) { $0.attempts.count == 3 && $0.isFinal }
    #expect(failed.state == "failed" && failed.build?.revision == 2)
    let shown = try await operate(test, "show", "\(job)")
    #expect(
      shown.output.contains("why: what is published stays, but its check failed: smoke: one"),
      "\(shown.output)")

    try expect("one")
    #expect(try await recipes(test, "apply").status == 0)
    let checked = try await test.wait(api, job: job) { $0.attempts.count == 4 && $0.isFinal }
    #expect(checked.state == "succeeded" && checked.build?.revision == 2)
    #expect(try await recipes(test, "plan", "--check").status == 0)
  }
}
