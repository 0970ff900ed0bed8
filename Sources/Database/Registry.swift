public import FarmModel
import Postgres

/// What the lines of the registry sync changed.
public struct IngestOutcome: Sendable, Equatable {
  /// Versions that were not known.
  public var added: Int
  /// Known versions of which something is different now, those included that the index has no more.
  public var changed: Int
  /// Version lines that told nothing new.
  public var unchanged: Int

  public init(added: Int, changed: Int, unchanged: Int) {
    self.added = added
    self.changed = changed
    self.unchanged = unchanged
  }
}

extension FarmDatabase {
  /// Keeps what the sync has found: all lines, or none where one cannot be kept. Bodies are kept one
  /// after the other.
  ///
  /// Idempotent: lines that tell nothing new write nothing. The waiting jobs of a version that is yanked
  /// or no longer listed are cancelled and the running ones asked to end; when it is offered again they
  /// come back. Versions for which jobs are to be made are noted for the planner
  /// (``FarmDatabase/planNoted(after:limit:_:)``), and those whose `.crate` is to be looked into for
  /// ``looks(limit:older:newest:)``.
  ///
  /// - Parameter fence: of the sync's lease; nil: it has none.
  /// - Throws: ``RegistryError``.
  public func ingest(_ batch: RegistryBatch, fence: Int64? = nil) async throws -> IngestOutcome {
    let crates = try batch.crateRows()
    return try await pool.transaction { connection in
      try connection.holdRegistry(fence: fence)
      guard let registry = batch.registry else {
        return IngestOutcome(added: 0, changed: 0, unchanged: 0)
      }
      let number = try connection.keep(registry)
      guard !batch.crates.isEmpty else {
        return IngestOutcome(added: 0, changed: 0, unchanged: 0)
      }
      let isLarge = batch.versionCount + batch.crates.count > StagingStatements.largeBody
      if isLarge { try connection.execute(StagingStatements.forgetPlans) }
      try connection.execute(StagingStatements.tables + StagingStatements.settings)
      try connection.copyIn(StagingStatements.copyCrates, chunks: crates.chunks)
      if batch.versionCount > 0 {
        try connection.copyIn(StagingStatements.copyVersions, chunks: batch.versions.chunks)
      }
      let outcome = try connection.keepStaged(batch, registry: number)
      if isLarge { try connection.execute(StagingStatements.forgetPlans) }
      return outcome
    }
  }

  /// Keeps records, as ``ingest(_:fence:)`` does with lines; their numbers are those of the lines.
  public func ingest(_ records: [RegistryRecord], fence: Int64? = nil) async throws
    -> IngestOutcome
  {
    var batch = RegistryBatch()
    for (index, record) in records.enumerated() { try batch.add(record, line: index + 1) }
    return try await ingest(batch, fence: fence)
  }
}

extension PostgresConnection {
  /// The number of a registry, which is written only where something is different.
  fileprivate func keep(_ registry: RegistryDescription) throws -> Int64 {
    let known = try run(RegistryStatements.FindRegistry(registry)).first
    if let known { return known }
    guard let number = try run(RegistryStatements.UpsertRegistry(registry)).first else {
      throw PostgresDecodingError(column: "id", expected: "a registry's number", found: "none")
    }
    return number
  }

  /// Does what the lines in the temporary tables say.
  fileprivate func keepStaged(_ batch: RegistryBatch, registry: Int64) throws -> IngestOutcome {
    if batch.mayRepeat { try run(StagingStatements.MergeRepeated()) }
    let (known, other) = try run(StagingStatements.FindCrates()).first ?? (0, nil)
    if let other {
      let name = batch.crates.first { $0.line == other }?.name.text ?? ""
      throw RegistryError.nameTaken(name, line: other)
    }
    if known < batch.crates.count { try run(StagingStatements.AddCrates(registry: registry)) }
    if known > 0 { try run(StagingStatements.CountDownloads()) }
    var added = 0
    if batch.versionCount > 0 {
      if batch.contentsCount > 0 { try run(StagingStatements.KeepContents()) }
      if batch.mayRepeat { try run(StagingStatements.DropRepeated()) }
      if known > 0 {
        try run(StagingStatements.FindVersions())
        try run(StagingStatements.ChangeVersions())
      }
      added = try run(StagingStatements.AddVersions()).first ?? 0
    }
    if batch.hasLists { try run(StagingStatements.ApplyLists()) }
    if batch.contentsCount > 0 { try run(StagingStatements.Describe()) }
    let changes = try run(StagingStatements.CountChanges()).first ?? StagingStatements.Changes()
    if changes.turned > 0 { try wake(Set(try run(StagingStatements.FollowJobs()))) }
    if changes.all > 0 {
      try run(StagingStatements.ToPlan())
      try run(StagingStatements.ToLook())
      if changes.changed > 0 { try run(StagingStatements.LookAnew()) }
    }
    return IngestOutcome(
      added: added, changed: changes.changed,
      unchanged: max(0, batch.versionCount - added - changes.told))
  }

}

/// Why the lines of a sync were not kept.
public enum RegistryError: Error, Sendable, Equatable, CustomStringConvertible {
  case versionBeforeRegistry(line: Int)
  /// A body is of one registry.
  case secondRegistry(line: Int)
  /// Another crate has this name but for case or `-`/`_`.
  case nameTaken(String, line: Int)
  /// Another sync has taken the lease since.
  case staleFence(Int64)

  /// The line of the body, from 1, that the error is about.
  public var line: Int? {
    switch self {
    case .versionBeforeRegistry(let line), .secondRegistry(let line), .nameTaken(_, let line): line
    case .staleFence: nil
    }
  }

  public var description: String {
    switch self {
    case .versionBeforeRegistry: "the first line must be a “registry” line"
    case .secondRegistry:
      "another “registry” line: send each registry's lines in a body of their own"
    case .nameTaken(let name, _):
      "crate “\(name)” has the name of another crate but for case, “-” or “_”"
    case .staleFence(let fence):
      "the lease with fence \(fence) is over, another registry sync has taken it: ask for a new one"
    }
  }
}

enum RegistryStatements {
  static let all: [any Statement.Type] = [FindRegistry.self, UpsertRegistry.self]

  /// No row where it is new or has another template.
  struct FindRegistry: Statement {
    static let sql = "SELECT id FROM registries WHERE index_url = $1 AND download_template = $2"
    let parameters: [PostgresValue]
    init(_ registry: RegistryDescription) {
      parameters = [.text(storable(registry.indexURL)), .text(storable(registry.downloadTemplate))]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
  }

  struct UpsertRegistry: Statement {
    static let sql = """
      INSERT INTO registries (index_url, download_template) VALUES ($1, $2)
      ON CONFLICT (index_url) DO UPDATE
        SET download_template = excluded.download_template, updated_at = clock_timestamp()
      RETURNING id
      """
    let parameters: [PostgresValue]
    init(_ registry: RegistryDescription) {
      parameters = [.text(storable(registry.indexURL)), .text(storable(registry.downloadTemplate))]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
  }
}
