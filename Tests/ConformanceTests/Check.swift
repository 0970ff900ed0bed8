import Blocking
import Foundation
import Testing

/// Collects what does not hold, and a number where there is one.
final class Check: Sendable {
  private let state = Locked((findings: [String](), measured: String?.none))

  var findings: [String] { state.withLock { $0.findings } }
  var measured: String? { state.withLock { $0.measured } }

  /// Notes a finding where the condition does not hold.
  func that(_ condition: Bool, _ finding: @autoclosure () -> String) {
    guard !condition else { return }
    let text = finding()
    state.withLock { $0.findings.append(text) }
  }

  func measure(_ text: String) { state.withLock { $0.measured = text } }

  func measure(seconds: Double) {
    measure(
      seconds < 10
        ? "\(Int((seconds * 1000).rounded())) ms" : String(format: "%.0f s", seconds))
  }

  /// Whether a text has a place that matches.
  static func matches(_ text: String, _ pattern: String) -> Bool {
    text.range(of: pattern, options: .regularExpression) != nil
  }
}

/// Runs the check of one property for one candidate, and puts what it finds into the test's result
/// and into the report.
func hold(
  _ property: String, _ candidate: Candidate, kind: ConformanceReport.Kind = .property,
  sourceLocation: SourceLocation = #_sourceLocation,
  _ body: (Check) async throws -> Void
) async {
  let check = Check()
  do { try await body(check) } catch { check.that(false, "\(error)") }
  await ConformanceReport.shared.add(property, kind, candidate, check)
  for finding in check.findings {
    Issue.record("\(candidate.testDescription): \(finding)", sourceLocation: sourceLocation)
  }
}

/// All results of a run, written where `BUILDSRS_CONFORMANCE_REPORT` says.
actor ConformanceReport {
  enum Kind: String, Encodable { case property, crate }

  struct Row: Encodable {
    let name: String
    let kind: Kind
    let module: String
    let target: String
    let holds: Bool
    let measured: String?
    let findings: [String]
  }

  private struct Document: Encodable {
    let seconds: Double
    let candidates: [String]
    let rows: [Row]
    /// What the whole run has left on the host.
    let leftovers: [String]
  }

  static let shared = ConformanceReport()
  private var rows: [Row] = []
  private let start = ContinuousClock.now

  func add(_ name: String, _ kind: Kind, _ candidate: Candidate, _ check: Check) {
    rows.append(
      Row(
        name: name, kind: kind, module: candidate.module, target: candidate.target,
        holds: check.findings.isEmpty, measured: check.measured, findings: check.findings))
  }

  func write(leftovers: [String]) throws {
    let variables = ProcessInfo.processInfo.environment
    guard let path = variables["BUILDSRS_CONFORMANCE_REPORT"], !path.isEmpty else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let document = Document(
      seconds: (ContinuousClock.now - start) / .seconds(1),
      candidates: Candidate.all.map(\.testDescription), rows: rows, leftovers: leftovers)
    try encoder.encode(document).write(to: URL(filePath: path))
  }
}
