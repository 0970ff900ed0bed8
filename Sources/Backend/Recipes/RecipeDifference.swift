public import Database
import ExecutorKit
import FarmModel
public import Recipes
import Scheduling

/// What a set of recipes makes of the jobs that are in the database. `buildsrs recipes plan` prints it,
/// and backends carry it out: the same code tells and does.
public struct RecipeDifference: Sendable {
  private let database: FarmDatabase
  private let book: RecipeBook
  private let scope: RecipeScope
  private static let pageLength = 500

  /// - Parameters:
  ///   - set: what is to be in force.
  ///   - old: the set that all jobs follow; nil: nobody knows, so that all of them are looked at.
  public init(_ database: FarmDatabase, applying set: RecipeSet, over old: RecipeSet?) {
    self.init(database, RecipeBook(set, revision: 0), scope: RecipeScope(from: old, to: set))
  }

  init(_ database: FarmDatabase, _ book: RecipeBook, scope: RecipeScope) {
    self.database = database
    self.book = book
    self.scope = scope
  }

  /// Calls `body` for every change, by version.
  public func forEachChange(_ body: (JobChange) async throws -> Void) async throws {
    try await forEachPage(after: 0) { page in
      for (change, _) in page.changes { try await body(change) }
    }
  }

  /// Some versions and what becomes of their jobs.
  struct Page {
    var changes: [(change: JobChange, wanted: WantedJob?)]
    /// What was read and is as wanted.
    var known: [(job: Int64, checksDigest: String)] = []
    /// The last version of the page: those before it are done.
    var through: Int64
  }

  /// Calls `body` with the changes of all versions behind one, in pages, the lower numbers first.
  func forEachPage(after start: Int64, _ body: (Page) async throws -> Void) async throws {
    let comparer = try await comparer()
    guard scope.isAboutAllCrates else {
      let versions = try await database.plannableVersions(ofCrates: scope.crates.sorted())
      var rest = versions.filter { $0.id > start }[...]
      while !rest.isEmpty {
        let page = Array(rest.prefix(Self.pageLength))
        rest = rest.dropFirst(Self.pageLength)
        try await body(try await comparer.page(page))
      }
      return
    }
    var last = start
    while true {
      let page = try await database.plannableVersions(after: last, limit: Self.pageLength)
      guard let end = page.last else { return }
      try await body(try await comparer.page(page))
      last = end.id
    }
  }

  /// What becomes of the jobs of some versions.
  func page(ofVersions ids: [Int64]) async throws -> Page {
    try await comparer().page(try await database.plannableVersions(ids))
  }

  private func comparer() async throws -> PageComparer {
    PageComparer(
      database: database, book: book, scope: scope,
      requirements: Dictionary(
        try await database.requirements().map { ($0.id, $0.requirement) }
      ) { first, _ in first }, pace: try await database.secondsPerJob())
  }
}

/// Compares the jobs of some versions with what the recipes want.
private struct PageComparer {
  let database: FarmDatabase
  let book: RecipeBook
  let scope: RecipeScope
  let requirements: [Int64: JobRequirement]
  let pace: [String: Double]

  private struct Candidate {
    var version: PlannableVersion
    var wish: TargetWish
    var job: PlannedJob?
    var target: String
    var wanted: WantedJob?
  }

  func page(_ versions: [PlannableVersion]) async throws -> RecipeDifference.Page {
    let jobs = Dictionary(
      grouping: try await database.plannedJobs(ofVersions: versions.map(\.id)), by: \.versionID)
    let candidates = versions.flatMap { version in
      compared(version, jobs[version.id] ?? [])
    }
    let plans = try await database.plans(
      ofJobs: candidates.compactMap { candidate in
        guard let job = candidate.job else { return nil }
        return JobComparison.needsPlan(job, wanted: candidate.wanted) ? job.id : nil
      })
    let changes = candidates.compactMap { change(of: $0, plans) }
    return RecipeDifference.Page(
      changes: changes, known: candidates.compactMap { known($0, plans) },
      through: versions.last?.id ?? 0)
  }

  /// A published job of an older farm, whose row does not tell how it was checked, and that is as wanted.
  private func known(
    _ candidate: Candidate, _ plans: [Int64: Plan]
  ) -> (job: Int64, checksDigest: String)? {
    guard let job = candidate.job, job.state == .succeeded, job.checksDigest == nil,
      let wanted = candidate.wanted, job.planDigest == wanted.planDigest,
      plans[job.id]?.checks == wanted.plan.checks
    else { return nil }
    return (job.id, wanted.checksDigest)
  }

  private func compared(_ version: PlannableVersion, _ jobs: [PlannedJob]) -> [Candidate] {
    guard let facts = VersionFacts(version) else { return [] }
    let byTarget = Dictionary(jobs.map { ($0.target, $0) }) { first, _ in first }
    let triples = Set(byTarget.keys).union(book.set.targets.map(\.triple.text))
    return triples.sorted().compactMap { triple in
      guard scope.covers(crate: facts.crate.normalized, target: triple),
        let name = TargetTriple(triple)
      else { return nil }
      let target = book.set.target(name)
      let wish = TargetWish(
        decision: book.set.plan(for: facts, target: name),
        isAsked: target?.asks(forNewest: version.isNewest) ?? false, tier: target?.tier ?? 3)
      return Candidate(
        version: version, wish: wish, job: byTarget[triple], target: triple,
        wanted: wish.decision.plan.map { book.wanted(version, $0) })
    }
  }

  private func change(
    of candidate: Candidate, _ plans: [Int64: Plan]
  ) -> (change: JobChange, wanted: WantedJob?)? {
    let compared = candidate.job.map { job in
      ComparedJob(
        job: job, plan: plans[job.id],
        fitsRequirement: fits(requirements[job.requirementID], candidate.wanted?.requirement))
    }
    guard
      let outcome = JobComparison.outcome(
        compared, candidate.wish, planDigest: candidate.wanted?.planDigest)
    else { return nil }
    let change = JobChange(
      kind: outcome.kind, version: candidate.version, target: candidate.target,
      job: candidate.job?.id, reason: outcome.reason, isRunning: outcome.isRunning,
      seconds: outcome.kind.builds ? seconds(candidate) : nil,
      plan: outcome.kind == .drop ? nil : candidate.wanted?.plan)
    return (change, candidate.wanted)
  }

  /// A job that is tried with doubled limits asks for more than its plan does.
  private func fits(_ stored: JobRequirement?, _ wanted: JobRequirement?) -> Bool {
    wanted.map { stored == $0 || stored == $0.doubled } ?? true
  }

  private func seconds(_ candidate: Candidate) -> Double? {
    if let known = candidate.job?.buildSeconds ?? pace[candidate.target] { return known }
    return pace.isEmpty ? nil : pace.values.reduce(0, +) / Double(pace.count)
  }
}

extension RecipeDifference.Page {
  /// The page as what is written to the database.
  var edits: JobEdits {
    var edits = JobEdits()
    edits.known = known
    for (change, wanted) in changes {
      switch (change.kind, change.job, wanted) {
      case (.drop, let job?, _): edits.dropped.append(job)
      case (_, let job?, let wanted?): edits.planned.append((job, wanted))
      case (_, nil, let wanted?): edits.made.append(wanted)
      case (_, _, nil): break
      }
    }
    return edits
  }
}
