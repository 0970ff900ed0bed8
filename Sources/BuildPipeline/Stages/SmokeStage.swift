import Blocking
import ExecutorKit
import FarmModel

/// Starts each binary on its own architecture before anybody downloads it.
struct SmokeStage: Sendable {
  let plan: Plan
  let run: GuardedRun
  let log: AttemptLog

  /// The reports of one binary's starts.
  /// - Throws: ``ExecutorFailure`` of class `smoke` where it does not work, `infrastructure` where
  ///   the runner does not.
  func test(_ binary: BuiltBinary) async throws -> [SmokeReport] {
    let tests = SmokeRules.tests(plan.checks.smoke, for: binary.name)
    if tests.isEmpty { return [try await testByDefault(binary)] }
    var reports: [SmokeReport] = []
    for test in tests {
      switch try await start(binary, test.arguments, expect: test.expect) {
      case .success(let report): reports.append(report)
      case .failure(let failure): throw failure
      }
    }
    return reports
  }

  /// Tries the usual arguments until one is answered; else the first that started counts.
  private func testByDefault(_ binary: BuiltBinary) async throws -> SmokeReport {
    var started: SmokeReport?
    var panic: ExecutorFailure?
    for arguments in SmokeRules.defaultAttempts(binary: binary.name) {
      switch try await start(binary, arguments, expect: nil) {
      case .success(let report) where report.verdict == .answered: return report
      case .success(let report): started = started ?? report
      case .failure(let failure): panic = panic ?? failure
      }
    }
    if let panic { throw panic }
    guard let started else { throw ExecutorFailure(.smoke, "\(binary.name) was not started") }
    return started
  }

  /// One start. A panic is handed out as a failure, everything worse is thrown.
  private func start(
    _ binary: BuiltBinary, _ arguments: [String], expect: String?
  ) async throws -> Result<SmokeReport, ExecutorFailure> {
    let command = EnvironmentCommand(
      plan.checks.runner + [binary.environmentPath] + arguments,
      variables: ["HOME": "/tmp", "LC_ALL": "C.UTF-8", "TERM": "dumb"], workingDirectory: "/tmp",
      timeLimitSeconds: SmokeRules.timeLimitSeconds)
    let head = OutputHead(limit: 4096)
    let result = try await run.run(command) { head.add($0) }
    let output = head.text
    let name = ([binary.name] + arguments).joined(separator: " ")
    log.line("\(name): \(result.ending.description)\n\(output)")
    switch try SmokeRules.judge(result.ending, output: output, expect: expect) {
    case .verdict(let verdict):
      return .success(report(arguments, verdict, output, result.ending))
    case .panicked(let reason): return .failure(ExecutorFailure(.smoke, "\(name): \(reason)"))
    case .broken(let reason): throw ExecutorFailure(.smoke, "\(name): \(reason)")
    case .runnerFailed(let sign):
      throw ExecutorFailure(.infrastructure, "the runner does not work: \(sign)")
    }
  }

  private func report(
    _ arguments: [String], _ verdict: SmokeReport.Verdict, _ output: String,
    _ ending: CommandResult.Ending
  ) -> SmokeReport {
    let status: Int32? = if case .exited(let status) = ending { status } else { nil }
    return SmokeReport(
      arguments: arguments, verdict: verdict, output: output, exitStatus: status,
      runner: plan.checks.runner)
  }
}

/// Keeps the first bytes of what a command prints on both streams, in the order of arrival.
final class OutputHead: Sendable {
  private let limit: Int
  private let bytes = Locked<[UInt8]>([])

  init(limit: Int) { self.limit = limit }

  func add(_ output: CommandOutput) {
    bytes.withLock { $0 += output.bytes.prefix(limit - $0.count) }
  }

  /// The text, with U+FFFD for what is no UTF-8 and for NUL.
  var text: String {
    var decoder = LogText()
    return decoder.decode(bytes.withLock { $0 }) + decoder.finish()
  }
}
