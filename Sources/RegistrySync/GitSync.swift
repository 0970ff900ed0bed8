import CrateRegistry
import Cryptography
import FarmModel

/// Brings the backend to the newest commit of a git index.
struct GitSync {
  let session: SyncSession
  let index: GitIndex
  /// Crates to follow; nil: all that the index has.
  let filter: CrateList?

  /// Sends what differs from what the backend knows.
  ///
  /// Kept now and then: how many files of the way are acknowledged. After a kill the same commit is gone
  /// on with, from there; what was sent and not kept is sent again.
  func run(
    to newest: String, _ state: inout SyncState, _ report: inout SyncReport
  ) async throws(SyncError) {
    var git = state.git ?? GitState()
    if git.filter != filterDigest {
      git = GitState(filter: filterDigest)
    }
    if let unfinished = git.unfinished, unfinished.commit != newest,
      await index.has(unfinished.commit)
    {
      try await go(to: unfinished.commit, &git, &state, &report)
    }
    if git.commit != newest || !git.refused.isEmpty {
      try await go(to: newest, &git, &state, &report)
    }
  }

  private func go(
    to commit: String, _ git: inout GitState, _ state: inout SyncState, _ report: inout SyncReport
  ) async throws(SyncError) {
    let unfinished = git.begin(commit)
    let changes = try await changes(from: git.commit, to: commit, whole: unfinished.whole)
    if git.commit == nil { tellMissing(in: changes, &report) }
    let done = min(unfinished.files, changes.count)
    try await checkDeletions(in: changes[done...], from: git.commit)
    try await checkVersions(in: changes[done...], from: git.commit)
    var way = Way(session: session, changes: changes, done: done, git: git, state: state)
    // In this order: what the state names must be kept.
    try await keep(commit, as: "unfinished")
    try await way.save()
    do throws(SyncError) {
      try await way.run(index, &report)
    } catch {
      try? await way.save()
      (git, state) = (way.git, way.state)
      throw error
    }
    way.git.commit = commit
    way.git.unfinished = nil
    try await keep(commit, as: "acknowledged")
    try await way.save()
    (git, state) = (way.git, way.state)
  }

  /// Stops before anything is sent or kept where a commit lacks too many crates of the older one.
  private func checkDeletions(
    in changes: ArraySlice<GitChange>, from old: String?
  ) async throws(SyncError) {
    let gone = changes.count(where: \.isDeletion)
    // Counting all crates takes long where there are many.
    guard gone > DeletionBound.least, let old else { return }
    let crates: [GitChange]
    do throws(RegistryError) {
      crates = filtered(try await index.crates(at: old))
    } catch {
      throw Task.isCancelled ? .cancelled : .registry(error)
    }
    try session.deletions.check(.crates, gone: gone, of: crates.count, isWhole: true)
  }

  /// The same where a commit's files lack too many versions of the older one's.
  private func checkVersions(
    in changes: ArraySlice<GitChange>, from old: String?
  ) async throws(SyncError) {
    let edited = changes.filter { $0.old != nil && $0.new != nil && !$0.isDeletion }
    guard !session.deletions.isLifted, !edited.isEmpty, let old else { return }
    let lost: Int
    var known = 0
    do throws(RegistryError) {
      lost = try await countLost(in: edited)
      // Counting all versions takes long where there are many.
      if lost > DeletionBound.least { known = try await countVersions(at: old) }
    } catch {
      throw Task.isCancelled ? .cancelled : .registry(error)
    }
    try session.deletions.check(.versions, gone: lost, of: known, isWhole: true)
  }

  private func countLost(in edited: [GitChange]) async throws(RegistryError) -> Int {
    let objects = edited.flatMap { [$0.old, $0.new].compactMap { $0 } }
    return try await index.read(objects) { (files) async throws(RegistryError) in
      let reader = IndexFileReader()
      var lost = 0
      for change in edited {
        let (old, new) = (try await files.next(), try await files.next())
        lost += versionsLost(from: old, to: new, of: change.crate, reader: reader)
      }
      return lost
    }
  }

  /// How many lines the files of a commit have.
  private func countVersions(at commit: String) async throws(RegistryError) -> Int {
    let crates = filtered(try await index.crates(at: commit))
    return try await index.read(crates.lazy.compactMap(\.new)) {
      (files) async throws(RegistryError) in
      var versions = 0
      for _ in crates { versions += try await files.next().split(separator: 10).count }
      return versions
    }
  }

  /// The files of the way, in an order that is the same after a kill.
  private func changes(
    from old: String?, to commit: String, whole: [String]
  ) async throws(SyncError) -> [GitChange] {
    do throws(RegistryError) {
      guard let old, await index.has(old) else {
        return filtered(try await index.crates(at: commit))
      }
      let changes = old == commit ? [] : try await index.changes(from: old, to: commit)
      guard !whole.isEmpty else { return filtered(changes) }
      // Refused crates are sent whole, whether or not they have changed since.
      let refused = Set(whole)
      let sent = try await index.crates(at: commit).filter { refused.contains($0.crate.text) }
      let gone = changes.filter { refused.contains($0.crate.text) && $0.new == nil }
      return filtered(changes.filter { !refused.contains($0.crate.text) } + sent + gone)
    } catch {
      throw Task.isCancelled ? .cancelled : .registry(error)
    }
  }

  private func tellMissing(in changes: [GitChange], _ report: inout SyncReport) {
    guard let filter else { return }
    let found = Set(changes.map(\.crate.normalized))
    for name in filter.names where !found.contains(name.normalized) {
      session.note(
        SyncProblem(crate: name.text, reason: "the registry has no such crate"), in: &report)
    }
  }

  private func filtered(_ changes: [GitChange]) -> [GitChange] {
    guard let filter else { return changes }
    // An index may have only one of the names that are one crate; a person may write the other.
    let names = Set(filter.names.map(\.normalized))
    return changes.filter { names.contains($0.crate.normalized) }
  }

  private var filterDigest: String? {
    filter.map { filter in
      let names = filter.names.map(\.normalized).sorted().joined(separator: "\n")
      return String(SHA256.hex(of: names).prefix(16))
    }
  }

  private func keep(_ commit: String, as name: String) async throws(SyncError) {
    do throws(RegistryError) {
      try await index.keep(commit, as: name)
    } catch {
      throw Task.isCancelled ? .cancelled : .registry(error)
    }
  }
}

extension GitState {
  /// Begins the way to a commit, or goes on with it.
  fileprivate mutating func begin(_ commit: String) -> Unfinished {
    if let unfinished, unfinished.commit == commit { return unfinished }
    let whole = Set(refused + (unfinished?.whole ?? [])).sorted()
    let new = Unfinished(commit: commit, files: 0, whole: whole)
    unfinished = new
    refused = []
    return new
  }
}

/// One way from commit to commit, file by file.
private struct Way {
  /// What is remembered when a crate is acknowledged: all files up to here are.
  struct Mark: Sendable {
    let files: Int
    let crate: CrateName
  }

  let session: SyncSession
  let changes: [GitChange]
  let done: Int
  var git: GitState
  var state: SyncState

  mutating func save() async throws(SyncError) {
    state.git = git
    try await session.folder.save(state)
  }

  mutating func run(_ index: GitIndex, _ report: inout SyncReport) async throws(SyncError) {
    guard done < changes.count else { return }
    var source = GitSource(changes: changes, next: done, session: session)
    var progress = ProgressCount(
      .index, total: changes.count, doneBefore: done, tell: session.tell)
    let courier = session.courier
    var failure: SyncError?
    do throws(RegistryError) {
      try await index.read(source.objects) { (files) async throws(RegistryError) in
        do throws(SyncError) {
          try await BodyPump<Mark>(window: SyncSession.window).run {
            () async throws(SyncError) in
            let body = try await source.nextBody(&files)
            for problem in source.takeProblems() { session.note(problem, in: &report) }
            return body
          } send: { (body) async throws(SyncError) in
            try await courier.deliver(body)
          } delivered: { (delivery) async throws(SyncError) in
            try await take(delivery, &report, &progress)
          }
        } catch {
          // The rest of the output is of no use: `git` is ended.
          failure = error
          throw .git(command: "cat-file", reason: "\(error)")
        }
      }
    } catch {
      throw Task.isCancelled ? .cancelled : failure ?? .registry(error)
    }
  }

  private mutating func take(
    _ delivery: Delivery<Mark>, _ report: inout SyncReport, _ progress: inout ProgressCount
  ) async throws(SyncError) {
    let taken = session.taken(delivery, in: &report)
    state.downloadTemplate = session.registry.downloadTemplate
    git.refused += delivery.refused.compactMap { delivery.body.parts[$0.part].mark?.crate.text }
    let before = git.unfinished?.files ?? done
    let files = delivery.body.parts.compactMap(\.mark?.files).last ?? before
    git.unfinished?.files = files
    report.crates += files - before
    progress.add(crates: files - before, versions: taken.reduce(0) { $0 + $1.versions })
    // It is small, and a body's lines take longer.
    try await save()
  }
}

/// Makes bodies of the files of a way.
private struct GitSource {
  let changes: [GitChange]
  private var next: Int
  private let first: Int
  private let reader = IndexFileReader()
  private var cutter: BodyCutter<Way.Mark>
  private var problems: [SyncProblem] = []

  init(changes: [GitChange], next: Int, session: SyncSession) {
    self.changes = changes
    self.next = next
    first = next
    cutter = BodyCutter(
      registry: session.registry, limits: .init(lines: session.configuration.linesAtOnce))
  }

  /// What is read, in this order: of each change the older file, then the newer.
  var objects: [String] {
    changes[first...].flatMap { [$0.old, $0.new].compactMap { $0 } }
  }

  mutating func takeProblems() -> [SyncProblem] {
    defer { problems = [] }
    return problems
  }

  mutating func nextBody(
    _ files: inout GitFiles
  ) async throws(SyncError) -> RecordBody<Way.Mark>? {
    do throws(RegistryError) {
      while next < changes.count {
        if let body = cutter.takeFull() { return body }
        try await readNext(&files)
      }
      return cutter.takeFull() ?? cutter.takeRest()
    } catch {
      throw Task.isCancelled ? .cancelled : .registry(error)
    }
  }

  private mutating func readNext(_ files: inout GitFiles) async throws(RegistryError) {
    let change = changes[next]
    let old = change.old == nil ? [] : try await files.next()
    let records: CrateRecords
    if change.new == nil {
      records = CrateRecords(gone: change.crate)
    } else {
      records = CrateRecords(
        change.crate, file: try await files.next(), old: old, reader: reader)
    }
    problems += records.problems
    next += 1
    cutter.append(records, mark: Way.Mark(files: next, crate: change.crate))
  }
}
