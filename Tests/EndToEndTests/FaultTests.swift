import Foundation
import LocalFarm
import TestSupport
import Testing

/// What `./bootstrap faults` runs for minutes, for seconds. `docs/faults.md` tells what it does.
@Suite("A whole farm is broken at random", .serialized, .timeLimit(.minutes(8)))
struct FaultTests {
  @Test("a farm that was broken for 18 seconds has lost nothing and done nothing twice")
  func short() async throws {
    let run = try await faults("--minutes", "0.3", "--seed", "1")
    #expect(run.status == 0, "\(run.text)")
    #expect(run.text.contains("0 lost, 0 doubled, 0 violations"), "\(run.text)")
  }

  @Test(
    "the verdict finds what was broken on purpose",
    arguments: [
      ("lost", ["lost: job", "is pending", "missing: artifacts/"]),
      ("doubled", ["doubled: job", "under one plan", "and nobody was given it"]),
      ("orphan", ["unreferenced: artifacts/00/000000"]),
    ])
  func sabotage(kind: String, evidence: [String]) async throws {
    let run = try await faults(
      "--minutes", "0.02", "--seed", "1", "--backends", "1", "--builders", "4", "--jobs", "10",
      "--sabotage", kind)
    #expect(run.status == 1, "\(run.text)")
    for piece in evidence { #expect(run.text.contains(piece), "\(run.text)") }
  }

  @Test("the same seed gives the same schedule, another seed another one")
  func seeds() async throws {
    let first = try await faults("--seed", "7", "--plan")
    #expect(first.status == 0, "\(first.text)")
    #expect(first.text == (try await faults("--seed", "7", "--plan").text))
    #expect(first.text != (try await faults("--seed", "8", "--plan").text))
  }

  @Test("wrong usage ends with 2")
  func usage() async throws {
    #expect(try await faults("--minutes", "0").status == 2)
    #expect(try await faults("--seed", "one").status == 2)
    #expect(try await faults("--sabotage", "everything").status == 2)
  }

  private func faults(_ arguments: String...) async throws -> (status: Int32, text: String) {
    let folder = NSTemporaryDirectory() + "buildsrs-faults-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let child = try ChildProcess(
      "farm-faults", [TestPrograms.program("farm-faults")] + arguments, directory: folder)
    let status = await withTaskCancellationHandler {
      await child.ending()
    } onCancel: {
      // It stops its own processes.
      Task { await child.stop(grace: .seconds(60)) }
    }
    let error = try String(contentsOfFile: child.logFile, encoding: .utf8)
    return (status, try String(contentsOfFile: child.outputFile, encoding: .utf8) + error)
  }
}
