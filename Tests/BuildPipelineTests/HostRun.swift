import BuildPipeline
import ExecutorKit
import FarmModel
import Foundation
import Subprocess
import SystemPackage
import TestSupport

/// What an executor host said, and how it ended.
struct HostAnswer: Sendable {
  var events: [HostEvent] = []
  var ending: TerminationStatus = .exited(0)
  var errors = ""

  var outcome: AttemptOutcome? {
    events.compactMap { if case .finished(let outcome, _) = $0 { outcome } else { nil } }.first
  }
  var report: BuildReport? {
    events.compactMap { if case .finished(_, let report) = $0 { report } else { nil } }.first
  }
  var refusal: String? {
    events.compactMap { if case .refused(let message) = $0 { message } else { nil } }.first
  }
  var stages: [BuildStage] {
    events.compactMap { if case .stage(let stage) = $0 { stage } else { nil } }
  }
  var log: String {
    events.compactMap { if case .log(let text) = $0 { text } else { nil } }.joined()
  }
}

/// What a test does when it sees an event.
enum HostReaction: Sendable {
  case goOn
  /// Sends the line `cancel`.
  case cancel
  /// Closes the host's standard input.
  case hangUp
}

/// Starts a real executor host with a module, asks it one thing, and reads to its end.
func askHost(
  _ module: String, _ line: String, grace: Int = 20,
  react: @escaping @Sendable (HostEvent) -> HostReaction = { _ in .goOn }
) async throws -> HostAnswer {
  let result = try await run(
    .path(FilePath(TestPrograms.program("buildsrs-executor-host"))),
    arguments: [TestPrograms.module(module), "--grace", String(grace)],
    environment: .inherit.updating(["SWIFT_BACKTRACE": "enable=no"]),
    input: .inputWriter, output: .sequence, error: .string(limit: 1 << 16)
  ) { execution in
    var events: [HostEvent] = []
    _ = try await execution.standardInputWriter.write(line + "\n")
    for try await text in execution.standardOutput.strings() {
      let event = try JSONDecoder().decode(HostEvent.self, from: Data(text.utf8))
      events.append(event)
      switch react(event) {
      case .goOn: break
      case .cancel: _ = try await execution.standardInputWriter.write("cancel\n")
      case .hangUp: try await execution.standardInputWriter.finish()
      }
    }
    return events
  }
  return HostAnswer(
    events: result.closureResult, ending: result.terminationStatus,
    errors: result.standardError)
}

func askHost(
  _ module: String, _ request: HostRequest, grace: Int = 20,
  react: @escaping @Sendable (HostEvent) -> HostReaction = { _ in .goOn }
) async throws -> HostAnswer {
  let line = String(decoding: try JSONEncoder().encode(request), as: UTF8.self)
  return try await askHost(module, line, grace: grace, react: react)
}
