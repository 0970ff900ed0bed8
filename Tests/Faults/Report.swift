import CommandLineSupport
import Foundation
import Postgres

/// What a run has shown.
struct Report: Codable, Sendable {
  struct Outcome: Codable, Sendable {
    var what: String
    var count: Int
  }

  var seed: UInt64
  var schedule: String
  var sizes: FaultPlan.Sizes
  var injected: [String: Injector.Count]
  /// Jobs and attempts by how they ended.
  var outcomes: [Outcome]
  /// What builders and backends said to each other.
  var conversation: [String: Int]
  var drain: Drain.Times
  var checks: [Check]

  var holds: Bool { checks.allSatisfy(\.holds) }

  static func outcomes(_ connection: PostgresConnection) async throws -> [Outcome] {
    try await connection.query(
      """
      SELECT 1 AS part, 'jobs ' || state AS what, count(*) AS n FROM jobs WHERE verifies IS NULL
      GROUP BY 2
      UNION ALL
      SELECT 2, 'verifications ' || state, count(*) FROM jobs WHERE verifies IS NOT NULL GROUP BY 2
      UNION ALL
      SELECT 3, 'attempts ' || coalesce(failure_class, result, 'open'), count(*) FROM attempts GROUP BY 2
      UNION ALL SELECT 4, 'builds', count(*) FROM builds
      UNION ALL SELECT 5, 'artifacts', count(*) FROM artifacts
      UNION ALL SELECT 6, 'most attempts of a job', max(attempt) FROM jobs
      ORDER BY part, what
      """
    ).map { Outcome(what: try $0.text("what"), count: try $0.optionalInt("n") ?? 0) }
  }

  // MARK: Text

  func text(for terminal: Terminal) -> String {
    [
      injectedTable(terminal), outcomeTable(terminal), checkTable(terminal), evidence,
      "drained in \(rounded(drain.jobs)) s, tidied in \(rounded(drain.tidying)) s",
      "seed \(seed), schedule \(schedule): \(summary)",
    ].filter { !$0.isEmpty }.joined(separator: "\n\n")
  }

  private var summary: String {
    let lost = checks.first { $0.name == "lost" }?.violations.count ?? 0
    let doubled = checks.first { $0.name == "doubled" }?.violations.count ?? 0
    let all = checks.reduce(0) { $0 + $1.violations.count }
    return "\(lost) lost, \(doubled) doubled, \(all) violations"
  }

  private func injectedTable(_ terminal: Terminal) -> String {
    var table = TextTable([
      .init("INJECTED"), .init("PLANNED", .right), .init("DONE", .right), .init("SKIPPED", .right),
      .init("EXTENT", .right), .init("WHAT"),
    ])
    for kind in FaultKind.allCases {
      guard let count = injected[kind.rawValue] else { continue }
      table.add([
        .init(kind.rawValue), .init(String(count.planned)), .init(String(count.done)),
        .init(String(count.skipped)), .init(kind.extent(count.extent)), .init(kind.explanation),
      ])
    }
    let all = injected.values
    table.add([
      .init("all"), .init(String(all.reduce(0) { $0 + $1.planned })),
      .init(String(all.reduce(0) { $0 + $1.done })),
      .init(String(all.reduce(0) { $0 + $1.skipped })),
    ])
    return table.text(for: terminal)
  }

  private func outcomeTable(_ terminal: Terminal) -> String {
    var table = TextTable([
      .init("DATABASE"), .init("COUNT", .right), .init("CONVERSATION"), .init("COUNT", .right),
    ])
    let said = conversation.sorted { $0.key < $1.key }
    for row in 0..<max(outcomes.count, said.count) {
      let left = row < outcomes.count ? outcomes[row] : nil
      let right = row < said.count ? said[row] : nil
      table.add([
        .init(left?.what ?? ""), .init(left.map { String($0.count) } ?? ""),
        .init(right?.key ?? ""), .init(right.map { String($0.value) } ?? ""),
      ])
    }
    return table.text(for: terminal)
  }

  private func checkTable(_ terminal: Terminal) -> String {
    var table = TextTable([
      .init("CHECK"), .init("LOOKED AT", .right), .init("VIOLATIONS", .right), .init("CLAIM"),
    ])
    for check in checks {
      table.add([
        .init(check.name), .init(String(check.looked)),
        check.holds
          ? .init("0", .green) : .init(String(check.violations.count), .bold, .red),
        .init(check.claim),
      ])
    }
    return table.text(for: terminal)
  }

  private var evidence: String {
    checks.flatMap { check in
      let shown = check.violations.prefix(20).map { "\(check.name): \($0)" }
      let more = check.violations.count - shown.count
      return shown + (more > 0 ? ["\(check.name): and \(more) more"] : [])
        + check.remarks.prefix(5).map { "(\(check.name): \($0))" }
    }.joined(separator: "\n")
  }

  func write(to file: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    try encoder.encode(self).write(to: URL(filePath: file))
  }
}

extension FaultKind {
  fileprivate func extent(_ extent: Double) -> String {
    switch self {
    case .networkCut, .postgresTerminate: "\(Int(extent)) connections"
    case .replan, .operatorRetry, .operatorRebuild, .builderReconnect, .finishTwice, .wrongFence,
      .othersJob, .lostHeartbeat:
      ""
    default: "\(rounded(extent)) s"
    }
  }
}
