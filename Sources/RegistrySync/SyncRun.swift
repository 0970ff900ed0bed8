import CrateRegistry
import FarmModel
import Logging

/// One sync: asks for crates at once, sends what is new in batches, remembers what is acknowledged.
struct SyncRun {
  private let crateSync: CrateSync
  private let backend: BackendClient
  private let registry: RegistryDescription
  private let file: SyncStateFile
  private let logger: Logger
  private var state: SyncState
  private var report = SyncReport()

  private typealias Planned = (crate: String, plan: SyncPlan)

  /// Planned, but not yet acknowledged.
  private var waiting: [Planned] = []
  private var waitingLines = 0
  private var failuresInSuccession = 0
  private var lastSave = ContinuousClock.now

  /// After so many crates in succession that could not be asked for, the registry is away.
  private static let failureLimit = 20
  private static let saveInterval = Duration.seconds(10)

  init(
    crateSync: CrateSync, backend: BackendClient, registry: RegistryDescription,
    file: SyncStateFile, state: SyncState, logger: Logger
  ) {
    self.crateSync = crateSync
    self.backend = backend
    self.registry = registry
    self.file = file
    self.state = state
    self.logger = logger
  }

  /// Runs the sync. What was acknowledged before an error is saved, too.
  mutating func run(_ list: CrateList, concurrency: Int) async throws(SyncError) -> SyncReport {
    let before = state
    for problem in list.problems { add(problem) }
    do throws(SyncError) {
      try await syncAll(list.names, concurrency: max(1, concurrency))
    } catch {
      if state != before { try await file.save(state) }
      throw error
    }
    if state != before { try await file.save(state) }
    return report
  }

  private mutating func syncAll(_ names: [CrateName], concurrency: Int) async throws(SyncError) {
    let failure: SyncError? = await withTaskGroup(of: (CrateName, CrateOutcome).self) { group in
      var rest = names[...]
      while group.addNext(of: &rest, crateSync, state), rest.startIndex < concurrency {}
      while let (name, outcome) = await group.next() {
        do throws(SyncError) {
          try await take(outcome, of: name)
        } catch {
          group.cancelAll()
          return error
        }
        _ = group.addNext(of: &rest, crateSync, state)
      }
      return nil
    }
    if let failure { throw failure }
    try await flush(evenNothing: state.downloadTemplate != registry.downloadTemplate)
  }

  private mutating func take(_ outcome: CrateOutcome, of name: CrateName) async throws(SyncError) {
    report.crates += 1
    switch outcome {
    case .unchanged:
      report.unchanged += 1
      failuresInSuccession = 0
    case .planned(let plan, let problems):
      failuresInSuccession = 0
      for problem in problems { add(problem) }
      if plan.records.isEmpty && problems.isEmpty { report.unchanged += 1 }
      waiting.append((name.normalized, plan))
      waitingLines += plan.records.count
      if waitingLines >= RecordBatches.lineLimit - 1 { try await flush() }
    case .failed(let error):
      if Task.isCancelled { throw .cancelled }
      failuresInSuccession += 1
      guard failuresInSuccession < Self.failureLimit else { throw .registry(error) }
      add(SyncProblem(crate: name.text, reason: "\(error)"))
    }
  }

  /// Sends what waits; remembers it when all of it is acknowledged.
  private mutating func flush(evenNothing: Bool = false) async throws(SyncError) {
    let plans = waiting
    waiting = []
    waitingLines = 0
    do throws(SyncError) {
      try await send(plans, evenNothing: evenNothing)
    } catch {
      // The backend takes all lines of a body or none: one crate must not hold up the others.
      guard error.isAboutLines, plans.count > 1 else { throw error }
      try await sendOneByOne(plans)
    }
    try await saveNowAndThen()
  }

  private mutating func send(_ plans: [Planned], evenNothing: Bool = false) async throws(SyncError)
  {
    let versions = plans.flatMap(\.plan.records)
    if !versions.isEmpty || evenNothing {
      for body in RecordBatches.bodies(registry: registry, versions: versions) {
        report.receipt.add(try await backend.post(body))
      }
      state.downloadTemplate = registry.downloadTemplate
      report.sent += versions.count
      logger.info(
        "sent versions to the backend",
        metadata: ["versions": "\(versions.count)", "crates": "\(report.crates)"])
    }
    for (crate, plan) in plans { state.crates[crate] = plan.state }
  }

  /// A crate whose lines are refused becomes a problem; it is an error where that is every crate.
  private mutating func sendOneByOne(_ plans: [Planned]) async throws(SyncError) {
    var refused: [(crate: String, error: SyncError)] = []
    for planned in plans {
      do throws(SyncError) {
        try await send([planned])
      } catch {
        guard error.isAboutLines else { throw error }
        refused.append((planned.crate, error))
      }
    }
    if refused.count == plans.count, let last = refused.last { throw last.error }
    for (crate, error) in refused { add(SyncProblem(crate: crate, reason: "\(error)")) }
  }

  private mutating func saveNowAndThen() async throws(SyncError) {
    guard lastSave.duration(to: .now) > Self.saveInterval else { return }
    try await file.save(state)
    lastSave = .now
  }

  private mutating func add(_ problem: SyncProblem) {
    report.problems.append(problem)
    logger.warning("\(problem.reason)", metadata: ["crate": "\(problem.crate)"])
  }
}

extension TaskGroup<(CrateName, CrateOutcome)> {
  /// Begins with the next crate; false when there is none.
  fileprivate mutating func addNext(
    of names: inout ArraySlice<CrateName>, _ crateSync: CrateSync, _ state: SyncState
  ) -> Bool {
    guard let name = names.popFirst() else { return false }
    let old = state.crates[name.normalized] ?? CrateState()
    addTask { (name, await crateSync.outcome(of: name, old: old)) }
    return true
  }
}

extension RegistryReceipt {
  fileprivate mutating func add(_ other: RegistryReceipt) {
    added += other.added
    changed += other.changed
    unchanged += other.unchanged
    jobs += other.jobs
  }
}
