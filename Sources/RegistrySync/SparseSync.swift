import CrateRegistry
import Cryptography
import FarmModel

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
  private var gone: [(CrateRecords, SparseSync.Mark)] = []
  private let total: Int

  init(
    session: SyncSession, index: SparseIndex, rest: ArraySlice<CrateName>, progress: ProgressCount
  ) {
    self.session = session
    self.index = index
    self.rest = rest
    total = rest.count
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
        for (records, mark) in gone { cutter.append(records, mark: mark) }
        gone = []
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
      if memory[name.normalized] != .missing {
        records = CrateRecords(gone: name)
        mark = SparseSync.Mark(name: name, remembered: .missing)
      }
    case .changed(let bytes, let remembered):
      records = CrateRecords(name, file: bytes, reader: reader)
      mark = SparseSync.Mark(name: name, remembered: remembered)
    }
    for problem in records?.problems ?? [] { session.note(problem, in: &report) }
    if let records, let mark {
      if records.isGone {
        gone.append((records, mark))
        try session.deletions.check(gone: gone.count, of: total, isWhole: false)
      } else {
        cutter.append(records, mark: mark)
      }
    }
    progress.add(crates: 1, versions: records?.versions ?? 0)
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
        let new = RememberedCrate(
          digest: SHA256.digest(of: bytes), etag: etag, lastModified: lastModified)
        self =
          old.map { $0 != .missing && $0.digest == new.digest } == true
          ? .same(new) : .changed(bytes, new)
      }
    } catch {
      self = .failed(error)
    }
  }
}
