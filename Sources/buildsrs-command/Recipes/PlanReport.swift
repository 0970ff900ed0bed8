import Backend
import CommandLineSupport
import Database
import Foundation
import Recipes

/// What `buildsrs recipes plan` tells, counted as the changes come.
struct PlanReport: Sendable {
  /// Changes of one kind, for one target, for one reason.
  private struct Group: Hashable {
    var kind: JobChange.Kind
    var target: String
    var reason: String
  }
  private struct Sum {
    var jobs = 0
    /// A few names are told, many are counted.
    var crates: Set<String> = []
    var time = BuildTime()
  }

  private let active: RecipeRevision?
  private let newDigest: String
  private let files: [(path: String, change: RecipeSet.FileChange)]
  private let isPlanned: Bool
  private let isDetailed: Bool
  private var groups: [Group: Sum] = [:]
  private var changes: [JobChange] = []

  init(
    active: RecipeRevision?, old: RecipeSet?, new: RecipeSet, isPlanned: Bool, detail: Bool
  ) {
    self.active = active
    newDigest = new.digest
    files = old.map { new.changedFiles(from: $0) } ?? []
    self.isPlanned = isPlanned
    isDetailed = detail
  }

  /// False: the same files are in force, and all jobs follow them.
  var mayChangeJobs: Bool { !isPlanned || active?.digest != newDigest }

  /// How many jobs would change.
  var total: Int { groups.values.reduce(0) { $0 + $1.jobs } }

  mutating func add(_ change: JobChange) {
    let group = Group(kind: change.kind, target: change.target, reason: change.reason)
    var sum = groups[group] ?? Sum()
    sum.jobs += 1
    sum.crates.insert(change.version.crate)
    if change.kind.builds { sum.time.add(change.seconds) }
    groups[group] = sum
    if isDetailed { changes.append(change) }
  }

  private func count(_ kind: JobChange.Kind) -> Int {
    groups.filter { $0.key.kind == kind }.reduce(0) { $0 + $1.value.jobs }
  }

  private var time: BuildTime { groups.values.reduce(BuildTime()) { $0 + $1.time } }

  private var sorted: [(key: Group, value: Sum)] {
    let order = JobChange.Kind.allCases
    return groups.sorted { left, right in
      let kinds = (
        order.firstIndex(of: left.key.kind) ?? 0, order.firstIndex(of: right.key.kind) ?? 0
      )
      if kinds.0 != kinds.1 { return kinds.0 < kinds.1 }
      if left.value.jobs != right.value.jobs { return left.value.jobs > right.value.jobs }
      return (left.key.target, left.key.reason) < (right.key.target, right.key.reason)
    }
  }
}

// MARK: For people

extension PlanReport {
  func text(for terminal: Terminal) -> String {
    var parts = [heading]
    if !files.isEmpty {
      parts.append(files.map { "  \($0.change.rawValue) \($0.path)" }.joined(separator: "\n"))
    }
    if !groups.isEmpty { parts.append(isDetailed ? details(terminal) : table(terminal)) }
    parts.append(summary)
    return parts.joined(separator: "\n\n")
  }

  private var heading: String {
    guard let active else {
      return "No revision is in force yet: these files will be the first one."
    }
    let note = active.note.isEmpty ? "" : ", “\(active.note)”"
    let planning = isPlanned ? "" : "\nSome jobs do not follow it yet: a backend is planning them."
    return "Revision \(active.id), applied \(ago(active.createdAt))\(note), is in force.\(planning)"
  }

  private var summary: String {
    guard total > 0 else {
      return mayChangeJobs && !files.isEmpty && groups.isEmpty
        ? "No job changes: the files differ only in what changes no plan."
        : "No job changes."
    }
    let counts = [
      "\(count(.add)) to add", "\(count(.rebuild)) to rebuild", "\(count(.retry)) to retry",
      "\(count(.replan)) that wait get another plan", "\(count(.drop)) to drop",
      "\(count(.check)) published to check once more",
    ]
    return "Plan: \(counts.joined(separator: ", ")); \(time.text)."
  }

  private func table(_ terminal: Terminal) -> String {
    var table = TextTable([
      .init("CHANGE"), .init("JOBS", .right), .init("CRATES"), .init("TARGET"),
      .init("BUILD TIME", .right), .init("WHY"),
    ])
    for (group, sum) in sorted {
      let crates = sum.crates.count == 1 ? sum.crates.first ?? "" : "\(sum.crates.count) crates"
      table.add([
        Self.cell(group.kind), .init(String(sum.jobs)), .init(crates), .init(group.target),
        .init(group.kind.builds ? sum.time.short : "–"), .init(group.reason),
      ])
    }
    return table.text(for: terminal)
  }

  private func details(_ terminal: Terminal) -> String {
    var table = TextTable([
      .init("CHANGE"), .init("JOB", .right), .init("CRATE"), .init("VERSION"), .init("TARGET"),
      .init("WHY"),
    ])
    for change in changes {
      let running = change.isRunning ? " (after the build that runs)" : ""
      table.add([
        Self.cell(change.kind), .init(change.job.map(String.init) ?? "new"),
        .init(change.version.crate), .init(change.version.version), .init(change.target),
        .init(change.reason + running),
      ])
    }
    return table.text(for: terminal)
  }

  private static func cell(_ kind: JobChange.Kind) -> TextTable.Cell {
    switch kind {
    case .add: .init("+ add", .green)
    case .rebuild: .init("~ rebuild", .yellow)
    case .retry: .init("~ retry", .yellow)
    case .replan: .init("~ replan", .yellow)
    case .drop: .init("- drop", .red)
    case .check: .init("? check", .yellow)
    }
  }
}

// MARK: For scripts

extension PlanReport {
  struct Answer: Encodable {
    struct File: Encodable {
      let path: String
      let change: RecipeSet.FileChange
    }
    struct Change: Encodable {
      let change: JobChange.Kind
      let target: String
      let why: String
      let jobs: Int
      let crates: [String]
      let seconds: Double
    }
    struct Job: Encodable {
      let change: JobChange.Kind
      let job: Int64?
      let crate: String
      let version: String
      let target: String
      let why: String
      let running: Bool
      let seconds: Double?
    }
    let revision: Int64?
    let digest: String
    let planned: Bool
    let files: [File]
    let counts: [String: Int]
    let changes: [Change]
    /// With `--detail`.
    let jobs: [Job]?
    /// Of building, one build after the other.
    let seconds: Double
    /// How many builds nobody can tell the time of.
    let unknown: Int
  }

  var answer: Answer {
    Answer(
      revision: active?.id, digest: newDigest, planned: isPlanned,
      files: files.map { .init(path: $0.path, change: $0.change) },
      counts: Dictionary(
        JobChange.Kind.allCases.map { ($0.rawValue, count($0)) }
      ) { first, _ in first },
      changes: sorted.map { group, sum in
        .init(
          change: group.kind, target: group.target, why: group.reason, jobs: sum.jobs,
          crates: sum.crates.sorted(), seconds: sum.time.seconds)
      },
      jobs: isDetailed
        ? changes.map {
          .init(
            change: $0.kind, job: $0.job, crate: $0.version.crate, version: $0.version.version,
            target: $0.target, why: $0.reason, running: $0.isRunning, seconds: $0.seconds)
        } : nil, seconds: time.seconds, unknown: time.unknown)
  }
}

/// How long builds take, one after the other.
struct BuildTime: Sendable {
  var seconds = 0.0
  /// Builds that nobody can tell the time of.
  var unknown = 0

  mutating func add(_ build: Double?) {
    if let build { seconds += build } else { unknown += 1 }
  }

  static func + (left: BuildTime, right: BuildTime) -> BuildTime {
    BuildTime(seconds: left.seconds + right.seconds, unknown: left.unknown + right.unknown)
  }

  var short: String { seconds == 0 && unknown > 0 ? "?" : Self.duration(seconds) }

  /// For people.
  var text: String {
    guard seconds > 0 || unknown > 0 else { return "nothing to build" }
    let rest = unknown > 0 ? "\(unknown) builds that nobody knows the time of" : nil
    let known = seconds > 0 ? "about \(Self.duration(seconds)) of building in one slot" : nil
    return [known, rest].compactMap(\.self).joined(separator: " and ")
  }

  private static func duration(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded(.up))
    switch whole {
    case ..<120: return "\(whole) s"
    case ..<7200: return "\(whole / 60) min"
    case ..<172_800: return "\(whole / 3600) h \(whole % 3600 / 60) min"
    default: return "\(whole / 86_400) days"
    }
  }
}
