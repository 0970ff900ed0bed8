import CrateRegistry
import FarmModel

/// Where the lines of a crate are read again, before its `.crate` is looked into.
enum CrateFiles: Sendable {
  case sparse(SparseIndex)
  case git(GitIndex, commit: String)

  /// A crate's index file; nil: there is none.
  func file(of crate: CrateName) async throws(RegistryError) -> [UInt8]? {
    switch self {
    case .git(let index, let commit): return await index.file(of: crate, at: commit)
    case .sparse(let index):
      guard case .changed(let bytes, _, _) = try await index.fetch(crate) else { return nil }
      return bytes
    }
  }
}

/// Looks into the `.crate` files that the backend asks for, and tells it what is in them.
struct LookRun {
  let session: SyncSession
  let look: CrateLook
  let files: CrateFiles

  /// How many the backend names at once.
  private static let batch = 500
  /// How many answers are collected for one request.
  private static let lines = 100

  /// What became of one of them.
  private enum Answer: Sendable {
    /// Lines for the backend, and a problem that they tell.
    case lines(CrateRecords)
    case failed(RegistryError)
  }

  /// Goes on until the backend asks for no more, or only for what cannot be had now, or until a time.
  func run(
    until end: ContinuousClock.Instant?, _ report: inout SyncReport
  ) async throws(SyncError) {
    // What the backend asks for twice it could not use: it is left to the next sync.
    var asked: Set<RegistryLooks.Version> = []
    var progress = ProgressCount(.looks, total: nil, tell: session.tell)
    while end.map({ ContinuousClock.now < $0 }) ?? true {
      let wanted = try await session.courier.backend.looks(limit: Self.batch)
        .filter { asked.insert($0).inserted }
      if wanted.isEmpty { return }
      try await run(wanted, until: end, &progress, &report)
    }
  }

  private func run(
    _ wanted: [RegistryLooks.Version], until end: ContinuousClock.Instant?,
    _ progress: inout ProgressCount, _ report: inout SyncReport
  ) async throws(SyncError) {
    let failure: SyncError? = await withTaskGroup(of: (RegistryLooks.Version, Answer).self) {
      group in
      var rest = wanted[...]
      var running = 0
      var failuresInSuccession = 0
      var body = RecordBody<Never>(registry: session.registry)
      do throws(SyncError) {
        while true {
          while running < max(1, session.configuration.concurrency),
            end.map({ ContinuousClock.now < $0 }) ?? true, let next = rest.popFirst()
          {
            group.addTask { (next, await answer(next)) }
            running += 1
          }
          guard let (version, answer) = await group.next() else { break }
          running -= 1
          switch answer {
          case .failed(let error):
            if Task.isCancelled { throw .cancelled }
            failuresInSuccession += 1
            guard failuresInSuccession < SparseSync.failureLimit else { throw .registry(error) }
            session.note(
              SyncProblem(
                crate: version.crate.text, reason: "\(error); it is looked into at the next sync"),
              in: &report)
          case .lines(let records):
            failuresInSuccession = 0
            for problem in records.problems { session.note(problem, in: &report) }
            body.append(
              records.lines, count: records.lines.count { $0 == 10 }, versions: records.versions,
              of: records.name.text, mark: nil)
            report.looked += 1
            progress.add(crates: 1)
            if body.lines > Self.lines { try await send(&body, &report) }
          }
        }
        try await send(&body, &report)
        return nil
      } catch {
        group.cancelAll()
        return error
      }
    }
    if let failure { throw failure }
  }

  private func send(
    _ body: inout RecordBody<Never>, _ report: inout SyncReport
  ) async throws(SyncError) {
    let delivery = try await session.courier.deliver(body)
    _ = session.taken(delivery, in: &report)
    body = RecordBody(registry: session.registry)
  }

  /// What the index says of the version now, with what is in its `.crate`.
  private func answer(_ wanted: RegistryLooks.Version) async -> Answer {
    do throws(RegistryError) {
      let file = try await files.file(of: wanted.crate)
      let entries = parseIndexFile(file ?? [], of: wanted.crate).entries
      guard let entry = entries.last(where: { $0.version == wanted.version }) else {
        // It is not there any more; the crate's lines say so.
        return .lines(
          CrateRecords(wanted.crate, file: file ?? [], reader: IndexFileReader()))
      }
      let found = try await look.contents(
        of: entry.name, entry.version, checksum: entry.checksum)
      var version = entry.registryVersion
      version.contents = found.contents
      return .lines(CrateRecords(version, downloads: found.downloads))
    } catch {
      return .failed(error)
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
