import CrateRegistry
import FarmModel
import Logging

/// Looks into the `.crate` files that the backend asks for, and tells it what is in them.
struct LookRun {
  let session: SyncSession
  let look: CrateLook
  let files: CrateFiles

  /// How many the backend names at once.
  private static let batch = 500
  /// How many answers are collected for one request.
  private static let lines = 100
  /// After so many refusals in succession the registry gives no `.crate` at all.
  private static let refusalLimit = 100

  /// What became of one of them.
  private enum Answer: Sendable {
    /// Lines for the backend, and a problem that they tell.
    case lines(CrateRecords)
    /// The index lists the version no more; the crate's lines say so.
    case unlisted(CrateRecords)
    case failed(RegistryError)
  }

  /// What is known of the run as a whole.
  private struct Book {
    /// What the backend asks for twice it could not use: it is left to the next sync.
    var asked: Set<RegistryLooks.Version> = []
    /// The crates of those.
    var crates: Set<CrateName> = []
    /// Told at the end: many may be gone only because the server is broken.
    var gone: [CrateName: CrateRecords] = [:]
    /// How many crates it lists no more, and how many versions of others.
    var goneCrates = 0
    var unlisted = 0
    /// The backend keeps no failures: it is not told any more.
    var keepsNoFailures = false
    var progress: ProgressCount
  }

  /// Goes on until the backend asks for no more, or only for what cannot be had now, or until a time.
  func run(
    until end: ContinuousClock.Instant?, _ report: inout SyncReport
  ) async throws(SyncError) {
    var book = Book(progress: ProgressCount(.looks, total: nil, tell: session.tell))
    while end.map({ ContinuousClock.now < $0 }) ?? true {
      let wanted = try await session.courier.backend.looks(limit: Self.batch)
        .filter { book.asked.insert($0).inserted }
      book.crates.formUnion(wanted.map(\.crate))
      if wanted.isEmpty { break }
      try await run(wanted, until: end, &book, &report)
    }
    var body = RecordBody<Never>(registry: session.registry)
    for records in book.gone.values.sorted(by: { $0.name.text < $1.name.text }) {
      body.append(records)
    }
    try await send(&body, &report)
  }

  private func run(
    _ wanted: [RegistryLooks.Version], until end: ContinuousClock.Instant?, _ book: inout Book,
    _ report: inout SyncReport
  ) async throws(SyncError) {
    let known = try await findAll(wanted)
    let failure: SyncError? = await withTaskGroup(of: (RegistryLooks.Version, Answer).self) {
      group in
      var rest = wanted[...]
      var running = 0
      var troubles = Troubles()
      var body = RecordBody<Never>(registry: session.registry)
      do throws(SyncError) {
        while true {
          while running < max(1, session.configuration.concurrency),
            end.map({ ContinuousClock.now < $0 }) ?? true, let next = rest.popFirst()
          {
            group.addTask { (next, await answer(next, known[next])) }
            running += 1
          }
          guard let (version, answer) = await group.next() else { break }
          running -= 1
          switch answer {
          case .failed(let error):
            if Task.isCancelled { throw .cancelled }
            session.note(
              SyncProblem(
                crate: version.crate.text,
                reason: "\(version.version) is not looked into now: \(error)"), in: &report)
            troubles.add(error, of: version)
            guard troubles.isBearable else { throw .registry(error) }
            if troubles.untold.count >= Self.lines { try await tell(&troubles, &book) }
          case .unlisted(let records):
            troubles.endSuccession()
            for problem in records.problems { session.note(problem, in: &report) }
            let before = book.gone.updateValue(records, forKey: version.crate)
            if !records.isGone { book.unlisted += 1 } else if before == nil { book.goneCrates += 1 }
            try session.deletions.check(
              .crates, gone: book.goneCrates, of: book.crates.count, isWhole: false)
            try session.deletions.check(
              .versions, gone: book.unlisted, of: book.asked.count, isWhole: false)
          case .lines(let records):
            troubles.endSuccession()
            for problem in records.problems { session.note(problem, in: &report) }
            body.append(records)
            report.looked += 1
            book.progress.add(crates: 1)
            if body.lines > Self.lines { try await send(&body, &report) }
          }
        }
        try await send(&body, &report)
        try await tell(&troubles, &book)
        return nil
      } catch {
        group.cancelAll()
        // What could not be had must not be the first to be tried the next time, nor what was had be
        // downloaded once more.
        switch error {
        case .registry, .massDeletion:
          try? await send(&body, &report)
          try? await tell(&troubles, &book)
        default: break
        }
        return error
      }
    }
    if let failure { throw failure }
  }

  /// What could not be fetched.
  private struct Troubles {
    /// What the backend does not know yet.
    var untold: [RegistryLookFailures.Failure] = []
    private var inSuccession = 0
    private var refusedInSuccession = 0

    /// Whether it looks as if the registry were there.
    var isBearable: Bool {
      inSuccession < SparseSync.failureLimit && refusedInSuccession < LookRun.refusalLimit
    }

    mutating func endSuccession() { (inSuccession, refusedInSuccession) = (0, 0) }

    mutating func add(_ error: RegistryError, of version: RegistryLooks.Version) {
      if error.isRefusal {
        refusedInSuccession += 1
        inSuccession = 0
      } else {
        inSuccession += 1
      }
      guard error.isOfRegistry else { return }
      untold.append(.init(version, reason: "\(error)", isRefusal: error.isRefusal))
    }
  }

  private func tell(_ troubles: inout Troubles, _ book: inout Book) async throws(SyncError) {
    guard !troubles.untold.isEmpty else { return }
    defer { troubles.untold = [] }
    guard !book.keepsNoFailures else { return }
    do throws(SyncError) {
      try await session.courier.backend.lookFailed(troubles.untold, lease: session.courier.lease)
    } catch {
      guard case .oldBackend = error else { throw error }
      session.logger.warning(
        "what could not be looked into is not remembered, and tried again by every sync: \(error)")
      book.keepsNoFailures = true
    }
  }

  private func send(
    _ body: inout RecordBody<Never>, _ report: inout SyncReport
  ) async throws(SyncError) {
    let delivery = try await session.courier.deliver(body)
    _ = session.taken(delivery, in: &report)
    body = RecordBody(registry: session.registry)
  }

  private func findAll(
    _ wanted: [RegistryLooks.Version]
  ) async throws(SyncError) -> [RegistryLooks.Version: CrateFiles.Finding] {
    do throws(RegistryError) {
      return try await files.findAll(wanted)
    } catch {
      throw Task.isCancelled ? .cancelled : .registry(error)
    }
  }

  /// What the index says of the version now, with what is in its `.crate`.
  private func answer(
    _ wanted: RegistryLooks.Version, _ known: CrateFiles.Finding?
  ) async -> Answer {
    do throws(RegistryError) {
      let finding: CrateFiles.Finding
      if let known { finding = known } else { finding = try await files.find(wanted) }
      switch finding {
      case .unlisted(let records): return .unlisted(records)
      case .unreadable(let problem):
        return .failed(.indexLine(crate: "\(wanted.crate)", reason: "\(problem)"))
      case .entry(let entry):
        let found = try await look.contents(
          of: entry.name, entry.version, checksum: entry.checksum)
        var version = entry.registryVersion
        version.contents = found.contents
        return .lines(CrateRecords(version, downloads: found.downloads))
      }
    } catch {
      return .failed(error)
    }
  }
}

extension RecordBody<Never> {
  mutating func append(_ records: CrateRecords) {
    append(
      records.lines, count: records.lines.count { $0 == 10 }, versions: records.versions,
      of: records.name.text, mark: nil)
  }
}

extension RegistryError {
  /// The registry failed, and not the machine of the sync.
  fileprivate var isOfRegistry: Bool {
    switch self {
    case .files, .git: false
    default: true
    }
  }
}

extension CrateRecords {
  /// One version that was looked into.
  fileprivate init(_ version: RegistryVersion, downloads: Int64?) {
    name = version.crate
    RecordLine.append(.version(version), to: &lines)
    versions = 1
    if let downloads {
      RecordLine.append(
        .crate(RegistryCrate(crate: version.crate, downloads: downloads)), to: &lines)
    }
    if let problem = version.contents?.problem {
      problems = [SyncProblem(crate: version.crate.text, reason: problem)]
    }
  }
}
