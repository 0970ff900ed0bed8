import CrateRegistry
import Cryptography
import FarmModel
import Logging

/// Brings the backend to what a sparse index says of the crates that are followed.
struct SparseSync {
  let session: SyncSession
  let index: SparseIndex
  let names: [CrateName]

  /// What is remembered when a crate is acknowledged.
  struct Mark: Sendable {
    let name: CrateName
    let remembered: RememberedCrate
  }

  /// After so many crates in succession that could not be asked for, the registry is away.
  static let failureLimit = 20

  /// Asks for every crate, many at once, and sends what is new.
  func run(_ state: inout SyncState, _ report: inout SyncReport) async throws(SyncError) {
    var memory = try await CrateMemory.load(session.folder.cratesFile)
    do throws(SyncError) {
      try await run(&memory, &state, &report)
    } catch {
      // What was acknowledged before is kept.
      try? await memory.save()
      throw error
    }
    try await memory.save()
  }

  private func run(
    _ memory: inout CrateMemory, _ state: inout SyncState, _ report: inout SyncReport
  ) async throws(SyncError) {
    let failure: SyncError? = await withTaskGroup(of: (CrateName, SparseAnswer).self) { answers in
      var source = SparseSource(
        session: session, index: index, rest: names[...],
        progress: ProgressCount(.index, total: names.count, tell: session.tell))
      var lastSave = ContinuousClock.now
      var lastRefusal: SyncError?
      let courier = session.courier
      defer { answers.cancelAll() }
      do throws(SyncError) {
        try await BodyPump<Mark>(window: SyncSession.window).run {
          () async throws(SyncError) in
          try await source.nextBody(&answers, &memory, &report)
        } send: { (body) async throws(SyncError) in
          try await courier.deliver(body)
        } delivered: { (delivery) async throws(SyncError) in
          let taken = session.taken(delivery, in: &report)
          lastRefusal = delivery.refused.last?.error ?? lastRefusal
          state.downloadTemplate = session.registry.downloadTemplate
          for case let mark? in taken.map(\.mark) {
            memory.remember(mark.name.normalized, mark.remembered)
          }
          if lastSave.duration(to: .now) > SyncSession.saveInterval {
            try await memory.save()
            lastSave = .now
          }
        }
        // Where the backend takes nothing at all, a person has to know.
        return report.sent == 0 ? lastRefusal : nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }
}

/// What the index said about one crate.
private enum SparseAnswer: Sendable {
  case unchanged
  /// The file is as it was, but for what its next request is sent along with.
  case same(RememberedCrate)
  case missing
  case changed([UInt8], RememberedCrate)
  case failed(RegistryError)
}

/// Asks for crates and makes bodies of the answers.
private struct SparseSource {
  let session: SyncSession
  let index: SparseIndex
  var rest: ArraySlice<CrateName>
  var progress: ProgressCount
  private var asked = 0
  private var failuresInSuccession = 0
  private let reader = IndexFileReader()
  private var cutter: BodyCutter<SparseSync.Mark>
  /// Sent when all crates have been asked for: many may be gone only because the server is broken.
  private var gone = Missing()
  private let names: ArraySlice<CrateName>

  /// What the index lacks.
  private struct Missing {
    typealias Crate = (records: CrateRecords, mark: SparseSync.Mark)
    /// Crates that it had.
    var crates: [Crate] = []
    /// Crates of which nothing is remembered: an older sync's memory may be lost, or there never was one.
    var unknown: [Crate] = []
    /// Crates that it has, but for some of their versions.
    var cut: [Crate] = []
    /// How many versions those lack.
    var versions = 0
    /// How many versions all crates had, once that was counted: it takes long where they are many.
    var known: Int?
  }

  init(
    session: SyncSession, index: SparseIndex, rest: ArraySlice<CrateName>, progress: ProgressCount
  ) {
    self.session = session
    self.index = index
    self.rest = rest
    names = rest
    self.progress = progress
    cutter = BodyCutter(
      registry: session.registry, limits: .init(lines: session.configuration.linesAtOnce))
  }

  mutating func nextBody(
    _ answers: inout TaskGroup<(CrateName, SparseAnswer)>, _ memory: inout CrateMemory,
    _ report: inout SyncReport
  ) async throws(SyncError) -> RecordBody<SparseSync.Mark>? {
    while true {
      if let body = cutter.takeFull() { return body }
      ask(&answers, memory)
      guard let (name, answer) = await answers.next() else {
        for (records, mark) in takeMissing() { cutter.append(records, mark: mark) }
        return cutter.takeFull() ?? cutter.takeRest()
      }
      asked -= 1
      try take(answer, of: name, &memory, &report)
    }
  }

  private mutating func ask(
    _ answers: inout TaskGroup<(CrateName, SparseAnswer)>, _ memory: CrateMemory
  ) {
    while asked < max(1, session.configuration.concurrency), let name = rest.popFirst() {
      let old = memory[name.normalized]
      answers.addTask { [index] in (name, await SparseAnswer(index, name, old)) }
      asked += 1
    }
  }

  private mutating func take(
    _ answer: SparseAnswer, of name: CrateName, _ memory: inout CrateMemory,
    _ report: inout SyncReport
  ) throws(SyncError) {
    report.crates += 1
    if case .failed(let error) = answer {
      if Task.isCancelled { throw .cancelled }
      failuresInSuccession += 1
      guard failuresInSuccession < SparseSync.failureLimit else { throw .registry(error) }
      session.note(SyncProblem(crate: name.text, reason: "\(error)"), in: &report)
      return
    }
    failuresInSuccession = 0
    var records: CrateRecords?
    var mark: SparseSync.Mark?
    switch answer {
    case .failed: break
    case .unchanged: report.unchanged += 1
    case .same(let remembered):
      report.unchanged += 1
      memory.remember(name.normalized, remembered)
    case .missing:
      session.note(
        SyncProblem(crate: name.text, reason: "the registry has no such crate"), in: &report)
      if memory[name.normalized]?.isMissing != true {
        records = CrateRecords(gone: name)
        mark = SparseSync.Mark(name: name, remembered: .missing)
      }
    case .changed(let bytes, var remembered):
      let new = CrateRecords(name, file: bytes, reader: reader)
      remembered.versions = new.listed ?? memory[name.normalized]?.versions
      records = new
      mark = SparseSync.Mark(name: name, remembered: remembered)
    }
    for problem in records?.problems ?? [] { session.note(problem, in: &report) }
    if let records, let mark { try put((records, mark), memory) }
    progress.add(crates: 1, versions: records?.versions ?? 0)
  }

  /// Has it sent, at the end where something is missing.
  private mutating func put(_ crate: Missing.Crate, _ memory: CrateMemory) throws(SyncError) {
    let old = memory[crate.mark.name.normalized]
    let lost = (old?.versions ?? 0) - (crate.records.listed ?? .max)
    if crate.records.isGone {
      guard let old, !old.isMissing else { return gone.unknown.append(crate) }
      gone.crates.append(crate)
      try session.deletions.check(.crates, gone: gone.crates.count, of: names.count, isWhole: false)
    } else if lost > 0, !session.deletions.isLifted {
      gone.cut.append(crate)
      gone.versions += lost
      try session.deletions.check(
        .versions, gone: gone.versions, of: countKnown(memory), isWhole: false)
    } else {
      cutter.append(crate.records, mark: crate.mark)
    }
  }

  private mutating func countKnown(_ memory: CrateMemory) -> Int {
    let known = gone.known ?? names.reduce(0) { $0 + (memory[$1.normalized]?.versions ?? 0) }
    gone.known = known
    return known
  }

  /// What is sent at the end. The backend may know crates that this sync does not: they are told to be gone
  /// where there are not too many of them.
  private mutating func takeMissing() -> [Missing.Crate] {
    defer { gone = Missing() }
    let unknown = gone.unknown.count
    let limit = DeletionBound.limit(of: names.count)
    if session.deletions.isLifted || gone.crates.count + unknown <= limit {
      return gone.crates + gone.unknown + gone.cut
    }
    session.logger.warning(
      """
      the registry lacks \(unknown) of the names that are followed, and this sync has never seen them: where the \
      backend knows them, they are not marked deleted (sync once with --allow-mass-deletion)
      """)
    return gone.crates + gone.cut
  }
}

extension SparseAnswer {
  /// Asks for one crate.
  fileprivate init(_ index: SparseIndex, _ name: CrateName, _ old: RememberedCrate?) async {
    do throws(RegistryError) {
      switch try await index.fetch(
        name, ifNoneMatch: old?.etag, ifModifiedSince: old?.lastModified)
      {
      case .notModified: self = .unchanged
      case .missing: self = .missing
      case .changed(let bytes, let etag, let lastModified):
        var new = RememberedCrate(
          digest: SHA256.digest(of: bytes), etag: etag, lastModified: lastModified)
        if let old, !old.isMissing, old.digest == new.digest {
          new.versions = old.versions
          self = .same(new)
        } else {
          self = .changed(bytes, new)
        }
      }
    } catch {
      self = .failed(error)
    }
  }
}
