import BuildPipeline
import ExecutorKit
import FarmModel
import Foundation
import Subprocess
import SystemPackage
import TestSupport

/// What an executor host said and when, and how it ended.
struct HostAnswer: Sendable {
  var events: [(event: HostEvent, at: ContinuousClock.Instant)] = []
  var ending: TerminationStatus = .exited(0)
  var errors = ""
  var start = ContinuousClock.now
  var end = ContinuousClock.now
  /// When it was told to cancel.
  var cancelled: ContinuousClock.Instant?

  private func first<Value>(_ read: (HostEvent) -> Value?) -> Value? {
    for event in events { if let value = read(event.event) { return value } }
    return nil
  }

  var outcome: AttemptOutcome? {
    first { if case .finished(let outcome, _) = $0 { outcome } else { nil } }
  }
  var report: BuildReport? {
    first { if case .finished(_, let report) = $0 { report } else { nil } } ?? nil
  }
  var probe: ProbeReport? { first { if case .probed(let report) = $0 { report } else { nil } } }
  var sweep: SweepReport? { first { if case .swept(let report) = $0 { report } else { nil } } }
  var description: ModuleDescription? {
    first { if case .described(let module) = $0 { module } else { nil } }
  }
  var log: String {
    events.compactMap { if case .log(let text) = $0.event { text } else { nil } }.joined()
  }
  /// What went wrong where no answer came, in short.
  var troubles: String {
    let refusal: String? = first { if case .refused(let message) = $0 { message } else { nil } }
    return refusal ?? "\(ending) \(errors.prefix(500))"
  }

  /// Seconds from the beginning of a stage to the end of the attempt.
  func seconds(from stage: BuildStage) -> Double? {
    let begin = events.first { if case .stage(stage) = $0.event { true } else { false } }
    return begin.map { (end - $0.at) / .seconds(1) }
  }
}

/// What a test does when it sees an event.
enum HostReaction: Sendable {
  case goOn
  /// Sends the line `cancel`.
  case cancel
  /// Ends the host by SIGKILL.
  case kill
}

/// One executor host of a test.
struct HostRun: Sendable {
  var module: String
  var variables: [Environment.Key: String] = [:]
  /// After this long the host is killed, so that one that hangs costs one check and not the suite.
  var limit: Duration = .seconds(300)

  /// Starts a real executor host with the module, asks it one thing, and reads to its end.
  func run(
    _ request: HostRequest,
    react: @escaping @Sendable (HostEvent) async throws -> HostReaction = { _ in .goOn }
  ) async throws -> HostAnswer {
    let line = String(decoding: try JSONEncoder().encode(request), as: UTF8.self)
    let start = ContinuousClock.now
    let result = try await Subprocess.run(
      .path(FilePath(TestPrograms.program("buildsrs-executor-host"))), arguments: [module],
      environment: .inherit.updating(variables.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }),
      input: .inputWriter, output: .sequence, error: .string(limit: 1 << 16)
    ) { [limit] execution in
      let process = execution.processIdentifier.value
      let overdue = Task {
        try await Task.sleep(for: limit)
        kill(process, SIGKILL)
      }
      defer { overdue.cancel() }
      var answer = HostAnswer(start: start)
      _ = try await execution.standardInputWriter.write(line + "\n")
      for try await text in execution.standardOutput.strings() {
        let event = try JSONDecoder().decode(HostEvent.self, from: Data(text.utf8))
        answer.events.append((event, .now))
        switch try await react(event) {
        case .goOn: break
        case .cancel:
          answer.cancelled = .now
          _ = try await execution.standardInputWriter.write("cancel\n")
        case .kill: kill(process, SIGKILL)
        }
      }
      return answer
    }
    var answer = result.closureResult
    answer.end = .now
    answer.ending = result.terminationStatus
    answer.errors = result.standardError
    return answer
  }
}
