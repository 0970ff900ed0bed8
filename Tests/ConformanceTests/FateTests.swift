import ExecutorKit
import FarmModel
import Foundation
import Testing

extension ExerciseExecutor {
  @Test("every hostile crate meets its fate", arguments: Candidate.all, HostileCrate.all)
  func meetsFate(_ candidate: Candidate, _ crate: HostileCrate) async {
    await hold("\(crate.name): \(crate.fate.about)", candidate, kind: .crate) { check in
      let pace = try await Pace.shared.seconds(of: candidate)
      try await Trial.with(candidate, TrialCrate(crate, on: candidate.target)) { trial in
        let fate = crate.fate.onTarget(candidate.target)
        var paced = trial
        if let seconds = fate.limits?.seconds {
          paced.plan.limits.timeSeconds = seconds + Int((3 * pace).rounded(.up))
        }
        let answer = try await Gate.builds.with { [paced] in try await paced.run() }
        compare(answer, fate, check)
        compare(answer, seconds: fate.seconds.map { $0 + 10 * pace }, check)
        compareLimits(answer, paced, fate, check)
        let leftovers = await Leftovers.await(of: trial.owner, within: .seconds(2))
        check.that(leftovers.isEmpty, "left behind: \(leftovers.joined(separator: "; "))")
      }
    }
  }

  private func compare(_ answer: HostAnswer, _ fate: Fate, _ check: Check) {
    guard let outcome = answer.outcome else {
      return check.that(false, "the host gave no outcome: \(answer.troubles)")
    }
    check.measure(seconds: (answer.end - answer.start) / .seconds(1))
    check.that(
      outcome.word == fate.outcome,
      "it ended as \(outcome.word), not \(fate.outcome): \(outcome.message)\n"
        + String(answer.log.suffix(3000)))
    if let pattern = fate.message {
      check.that(
        Check.matches(outcome.message, pattern),
        "the message “\(outcome.message)” does not match “\(pattern)”")
    }
    if let pattern = fate.log {
      check.that(Check.matches(answer.log, pattern), "the log does not match “\(pattern)”")
    }
    if let pattern = fate.unwantedInLog {
      check.that(!Check.matches(answer.log, pattern), "the log matches “\(pattern)”")
      let outputs = answer.report?.binaries.flatMap(\.smoke).map(\.output).joined() ?? ""
      check.that(!Check.matches(outputs, pattern), "the report matches “\(pattern)”")
    }
    for start in answer.report?.binaries.flatMap(\.smoke) ?? [] {
      guard let verdict = fate.verdict else { break }
      check.that(start.verdict == verdict, "a start ended as \(start.verdict)")
    }
  }

  private func compare(_ answer: HostAnswer, seconds: Double?, _ check: Check) {
    let elapsed = (answer.end - answer.start) / .seconds(1)
    guard let seconds, elapsed > seconds else { return }
    check.that(false, "it took \(elapsed) s, more than \(seconds) s")
  }

  /// That what was used is within the limits, as far as it can be known from outside.
  private func compareLimits(
    _ answer: HostAnswer, _ trial: Trial, _ fate: Fate, _ check: Check
  ) {
    let limits = trial.plan.limits
    // The line that tells of the limit comes on top.
    check.that(
      answer.log.utf8.count <= limits.log + 1024,
      "the log has \(answer.log.utf8.count) bytes; its limit is \(limits.log)")
    if fate.limits?.seconds != nil, let elapsed = answer.seconds(from: .build) {
      check.measure(String(format: "%.1f of %d s", elapsed, limits.timeSeconds))
      check.that(
        elapsed < Double(limits.timeSeconds) + 3,
        "it ended after \(elapsed) s; its limit is \(limits.timeSeconds) s")
    }
    if let measure = fate.measure {
      guard let measured = trial.measured else {
        return check.that(false, "the crate did not get so far as to measure")
      }
      check.measure("\(measured) of \(measure.atMost) \(measure.unit)")
      check.that(measured <= measure.atMost, "it could use \(measured) \(measure.unit)")
    }
  }
}
