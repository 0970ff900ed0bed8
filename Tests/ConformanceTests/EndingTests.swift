import BuildPipeline
import ExecutorKit
import FarmModel
import Foundation
import Testing

extension ExerciseExecutor {
  @Test("a cancelled build ends within 2 s and leaves nothing", arguments: Candidate.all)
  func cancels(_ candidate: Candidate) async {
    await hold("cancelled within 2 s, leaves nothing", candidate) { check in
      try await Self.withSleeper(candidate) { trial in
        let answer = try await Gate.builds.with {
          try await trial.run { Self.isReady($0) ? .cancel : .goOn }
        }
        guard let cancelled = answer.cancelled else {
          return check.that(
            false, "it ended by itself: \(answer.outcome as Any) \(answer.troubles)")
        }
        let seconds = (answer.end - cancelled) / .seconds(1)
        check.measure(seconds: seconds)
        check.that(seconds < 2, "it took \(seconds) s to end")
        check.that(
          answer.outcome?.failureClass == .cancelled, "it ended as \(answer.outcome as Any)")
        let leftovers = await Leftovers.look(for: trial.owner)
        check.that(leftovers.isEmpty, "left behind: \(leftovers.joined(separator: "; "))")
        check.that(Self.strayFiles(trial).isEmpty, "files: \(Self.strayFiles(trial))")
      }
    }
  }

  @Test("after a host was killed, a sweep leaves nothing", arguments: Candidate.all)
  func sweepsAfterKill(_ candidate: Candidate) async {
    await hold("host killed, then swept: leaves nothing", candidate) { check in
      try await Self.withSleeper(candidate) { trial in
        let (answer, swept) = try await Gate.builds.with {
          (try await trial.run { Self.isReady($0) ? .kill : .goOn }, try await trial.sweep())
        }
        check.that(answer.outcome == nil, "it ended by itself: \(answer.outcome as Any)")
        check.that(swept.sweep != nil, "the sweep failed: \(swept.troubles)")
        check.measure(seconds: (swept.end - swept.start) / .seconds(1))
        let leftovers = await Leftovers.await(of: trial.owner, within: .seconds(2))
        check.that(leftovers.isEmpty, "left behind: \(leftovers.joined(separator: "; "))")
        check.that(Self.strayFiles(trial).isEmpty, "files: \(Self.strayFiles(trial))")
        // As a builder does it: a mount that was left would keep it from going.
        do { try FileManager.default.removeItem(atPath: trial.work) } catch {
          check.that(false, "the attempt's folder cannot be removed: \(error)")
        }
      }
    }
  }

  @Test("a sweep spares attempts that are alive, and other builders", arguments: Candidate.all)
  func sweepSpares(_ candidate: Candidate) async {
    await hold("a sweep spares who is alive", candidate) { check in
      try await Self.withSleeper(candidate) { trial in
        let answer = try await Gate.builds.with {
          try await trial.run { event in
            guard Self.isReady(event) else { return .goOn }
            let host = HostRun(module: trial.module)
            for request in [
              SweepRequest(owner: trial.owner, alive: [trial.identity]),
              SweepRequest(owner: String(repeating: "0", count: 16), alive: []),
            ] {
              let swept = try await host.run(.sweep(request))
              check.that(swept.sweep?.removed.isEmpty == true, "removed: \(swept.sweep as Any)")
            }
            check.that(
              !(await Leftovers.look(for: trial.owner)).isEmpty, "nothing is left of what is alive")
            return .cancel
          }
        }
        check.that(
          answer.outcome?.failureClass == .cancelled, "it ended as \(answer.outcome as Any)")
      }
    }
  }

  @Test("two builds at once see nothing of each other", arguments: Candidate.all)
  func neighboursAreSeparate(_ candidate: Candidate) async {
    await hold("two builds see nothing of each other", candidate) { check in
      try await Trial.with(candidate, .neighbour) { one in
        try await Trial.with(candidate, .neighbour) { other in
          let meeting = Meeting(builds: 2)
          let answers = try await Gate.builds.with(places: 2) {
            async let first = Self.meet(one, other, meeting)
            async let second = Self.meet(other, one, meeting)
            return try await [first, second]
          }
          for answer in answers {
            check.that(
              answer.outcome == .succeeded,
              "it ended as \(answer.outcome as Any)\n\(answer.log.suffix(2000))")
          }
        }
      }
    }
  }
}

extension ExerciseExecutor {
  private static func withSleeper(
    _ candidate: Candidate, _ body: (Trial) async throws -> Void
  ) async throws {
    let crate = TrialCrate(try HostileCrate.named("sleeps-without-end"), on: candidate.target)
    try await Trial.with(candidate, crate, body)
  }

  /// The crates say so when they are where a test wants them.
  private static func isReady(_ event: HostEvent) -> Bool {
    if case .log(let text) = event { text.contains("conformance: ready") } else { false }
  }

  /// What lies beside the attempt's own folder and in the folder for temporary files.
  private static func strayFiles(_ trial: Trial) -> [String] {
    let known: Set = ["work", "store", "builder.key"]
    let manager = FileManager.default
    let beside = (try? manager.contentsOfDirectory(atPath: trial.state)) ?? []
    let others = (try? manager.contentsOfDirectory(atPath: trial.state + "/work")) ?? []
    let temporary = (try? manager.contentsOfDirectory(atPath: trial.folder + "/tmp")) ?? []
    return beside.filter { !known.contains($0) } + others.filter { $0 != "7-1" } + temporary
  }

  private static func meet(
    _ trial: Trial, _ other: Trial, _ meeting: Meeting
  ) async throws -> HostAnswer {
    var named = trial
    named.plan.inputs.environment.merge([
      "CONFORMANCE_OWN": "mark-" + trial.owner, "CONFORMANCE_OTHER": "mark-" + other.owner,
    ]) { $1 }
    let answer = try await named.run { event in
      guard isReady(event) else { return .goOn }
      await meeting.arrive()
      try Data().write(to: URL(filePath: trial.work + "/target/both-are-ready"))
      return .goOn
    }
    // Where one never became ready, the other must not wait for it.
    await meeting.arrive()
    return answer
  }
}

/// Where builds wait for each other.
private actor Meeting {
  private var missing: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(builds: Int) { missing = builds }

  func arrive() async {
    missing -= 1
    if missing <= 0 {
      for continuation in waiting { continuation.resume() }
      waiting = []
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }
}
