import ExecutorKit
import FarmModel
import Foundation
import Testing

/// What every executor module must hold, whoever wrote it; `docs/conformance.md` tells it in words.
///
/// The modules and targets are ``Candidate/all``.
@Suite("exerciseExecutor", HostUnchanged(), .timeLimit(.minutes(30)))
struct ExerciseExecutor {
  @Test("there is a module to try, and every crate has a fate")
  func isComplete() {
    #expect(!Candidate.all.isEmpty, "targets/ names no executor module")
    #expect(!HostileCrate.all.isEmpty)
    for crate in HostileCrate.all {
      #expect(
        crate.fate.outcome == "succeeded" || FailureClass(rawValue: crate.fate.outcome) != nil,
        "Tests/Crates/hostile/\(crate.name)/fate.json")
    }
  }

  @Test("every class of failure that a crate can bring about is somebody's fate")
  func classesAreComplete() {
    // The builder's own, and cancelling, which has a test of its own.
    let others: Set<FailureClass> = [.infrastructure, .leaseLost, .cancelled]
    let met = Set(HostileCrate.all.map(\.fate.outcome))
    for wanted in FailureClass.allCases where !others.contains(wanted) {
      #expect(met.contains(wanted.rawValue), "no hostile crate ends as \(wanted.rawValue)")
    }
  }

  @Test("a well-behaved crate is built, inspected and started", arguments: Candidate.all)
  func buildsTiny(_ candidate: Candidate) async {
    await hold("builds a well-behaved crate", candidate) { check in
      let built = try await Pace.shared.tiny(candidate)
      check.measure(seconds: built.seconds)
      guard let report = built.report else {
        return check.that(false, "it was not built: \(built.outcome)\n\(built.log.suffix(2000))")
      }
      let binary = try #require(report.binaries.first)
      check.that(
        binary.name == "tiny" && report.binaries.count == 1, "binaries: \(report.binaries)")
      check.that(
        binary.smoke.first?.output.contains("tiny 1.2.3 for \(candidate.target)") == true,
        "it answered \(binary.smoke)")
      check.that(!report.environment.digest.isEmpty, "the environment has no digest")
      check.that(report.environment.rustc.hasPrefix("rustc "), report.environment.rustc)
      check.that(report.artifacts.contains { $0.kind == .binary }, "\(report.artifacts)")
      check.that(built.leftovers.isEmpty, "left behind: \(built.leftovers)")
    }
  }

  @Test("a file that is not the one of the index is a failure to fetch", arguments: Candidate.all)
  func refusesForeignArchive(_ candidate: Candidate) async {
    await hold("refuses an archive with another checksum", candidate) { check in
      try await Trial.with(candidate, .tiny) { trial in
        var foreign = trial
        foreign.plan.inputs.checksum = String(repeating: "0", count: 64)
        let answer = try await Gate.builds.with { [foreign] in try await foreign.run() }
        check.that(
          answer.outcome?.failureClass == .fetch, "it ended as \(answer.outcome as Any)")
      }
    }
  }
}

extension AttemptOutcome {
  var failureClass: FailureClass? {
    if case .failed(let failureClass, _) = self { failureClass } else { nil }
  }
  /// `succeeded` or the failure's class.
  var word: String { failureClass?.rawValue ?? "succeeded" }
  var message: String { if case .failed(_, let message) = self { message } else { "" } }
}

/// How fast candidates are: limits of time are for a machine of usual speed, and an emulated one is
/// twenty times slower.
actor Pace {
  struct Built: Sendable {
    var seconds: Double
    var outcome: String
    var report: BuildReport?
    var log: String
    var leftovers: [String]
  }

  static let shared = Pace()
  private var builds: [Candidate: Task<Built, any Error>] = [:]

  /// The build of the well-behaved crate, made once.
  func tiny(_ candidate: Candidate) async throws -> Built {
    if let known = builds[candidate] { return try await known.value }
    let building = Task { try await Self.build(candidate) }
    builds[candidate] = building
    return try await building.value
  }

  /// Seconds that a small build takes.
  func seconds(of candidate: Candidate) async throws -> Double {
    try await tiny(candidate).report?.seconds[BuildStage.build.rawValue] ?? 10
  }

  private static func build(_ candidate: Candidate) async throws -> Built {
    try await Trial.with(candidate, .tiny) { trial in
      let answer = try await Gate.builds.with { try await trial.run() }
      return Built(
        seconds: (answer.end - answer.start) / .seconds(1),
        outcome: answer.outcome.map { "\($0)" } ?? answer.troubles, report: answer.report,
        log: answer.log, leftovers: await Leftovers.look(for: trial.owner))
    }
  }
}
