public import FarmModel
import Foundation
import Postgres

/// A version to plan jobs for.
public struct PlannableVersion: Sendable, Equatable {
  public var id: Int64
  public var crate: String
  public var version: String
  public var checksum: String
  public var publishedAt: Int64?
  /// Which jobs share a turn: the repository, else the crate.
  public var group: String
  /// The oldest Rust that it compiles with, as its author says.
  public var rustVersion: String?
  /// It is what `latest` means, of the crate's versions with a binary.
  public var isNewest: Bool
  /// Targets that somebody asked for before it was looked into.
  public var wishes: [String]
  /// What its author says about how it is built; nil: nothing.
  public var metadata: AuthorMetadata?

  public init(
    id: Int64, crate: String, version: String, checksum: String, publishedAt: Int64?, group: String,
    rustVersion: String? = nil, isNewest: Bool = false, wishes: [String] = [],
    metadata: AuthorMetadata? = nil
  ) {
    self.id = id
    self.crate = crate
    self.version = version
    self.checksum = checksum
    self.publishedAt = publishedAt
    self.group = group
    self.rustVersion = rustVersion
    self.isNewest = isNewest
    self.wishes = wishes
    self.metadata = metadata
  }
}

/// What a step of planning did.
public struct PlanningStep: Sendable, Equatable {
  /// How many versions were looked at.
  public var versions: Int
  /// The number of the last one; nil: there was none.
  public var last: Int64?
  /// How many jobs were made or changed.
  public var jobs: Int

  public init(versions: Int, last: Int64?, jobs: Int) {
    self.versions = versions
    self.last = last
    self.jobs = jobs
  }
}

extension FarmDatabase {
  /// Every version with a binary that is neither yanked nor deleted, after a number, at most `limit`: to
  /// plan jobs for.
  public func plannableVersions(after id: Int64, limit: Int) async throws -> [PlannableVersion] {
    try await pool.run(PlanningStatements.After(id, limit: limit))
  }

  /// Makes the jobs of versions that ``ingest(_:fence:)`` has noted, and takes them off the list: both
  /// or, after a crash, neither. Planners of several replicas do not get the same ones.
  ///
  /// - Parameters:
  ///   - after: only versions with a greater number.
  ///   - limit: how many versions at most.
  ///   - revision: the recipes that the plans are made by; nil: none, as in tests.
  ///   - wanted: the jobs that a version should have; runs on a connection's thread, perhaps again.
  /// - Throws: ``RecipesChanged`` where other recipes are in force; then nothing has changed.
  public func planNoted(
    after: Int64 = 0, limit: Int, revision: Int64? = nil,
    _ wanted: @Sendable (PlannableVersion) -> [WantedJob]
  ) async throws -> PlanningStep {
    try await pool.transaction { connection in
      if let revision { try connection.hold(revision: revision) }
      let noted = try connection.run(PlanningStatements.Noted(after: after, limit: limit))
      guard !noted.isEmpty else { return PlanningStep(versions: 0, last: nil, jobs: 0) }
      try connection.run(PlanningStatements.Done(noted))
      let versions = try connection.run(PlanningStatements.Of(noted))
      let jobs = try connection.want(versions.flatMap(wanted))
      let granted = versions.filter { !$0.wishes.isEmpty }.map(\.id)
      if !granted.isEmpty { try connection.run(PlanningStatements.Granted(granted)) }
      return PlanningStep(versions: noted.count, last: noted.last, jobs: jobs)
    }
  }
}

enum PlanningStatements {
  static let all: [any Statement.Type] = [
    After.self, Noted.self, Of.self, Done.self, Granted.self,
  ]

  static func query(_ which: String) -> String {
    """
    SELECT v.id, c.name, v.version, v.checksum,
      extract(epoch FROM v.published_at)::bigint AS published_at,
      \(CrateQueries.group) AS job_group, v.rust_version,
      v.latest_key = (SELECT max(n.latest_key) FROM versions n
                      WHERE n.crate_id = v.crate_id AND n.has_binaries AND NOT n.yanked
                        AND n.deleted_at IS NULL) AS is_newest,
      array(SELECT w.target FROM wishes w WHERE w.version_id = v.id ORDER BY w.target) AS wishes,
      (SELECT k.contents -> 'metadata' FROM contents k WHERE k.checksum = v.checksum)::text AS metadata
    FROM versions v JOIN crates c ON c.id = v.crate_id
    WHERE v.has_binaries AND NOT v.yanked AND v.deleted_at IS NULL AND \(which)
    """
  }

  static func decode(_ row: PostgresRow) throws -> PlannableVersion {
    // What an older program stored in another form counts as nothing said.
    let metadata = try row.optionalText("metadata").flatMap {
      try? JSONDecoder().decode(AuthorMetadata.self, from: Data($0.utf8))
    }
    return PlannableVersion(
      id: Int64(try row.int("id")), crate: try row.text("name"), version: try row.text("version"),
      checksum: try row.text("checksum"),
      publishedAt: try row.optionalInt("published_at").map(Int64.init),
      group: try row.text("job_group"), rustVersion: try row.optionalText("rust_version"),
      isNewest: try row.bool("is_newest"), wishes: try row.textArray("wishes"), metadata: metadata)
  }

  struct After: Statement {
    static let sql = query("v.id > $1 ORDER BY v.id LIMIT $2")
    let parameters: [PostgresValue]
    init(_ id: Int64, limit: Int) { parameters = [.int(id), .int(limit)] }
    func decode(_ row: PostgresRow) throws -> PlannableVersion {
      try PlanningStatements.decode(row)
    }
  }

  struct Of: Statement {
    static let sql = query("v.id = ANY ($1::bigint[]) ORDER BY v.id")
    let parameters: [PostgresValue]
    init(_ versions: [Int64]) { parameters = [.intArray(versions)] }
    func decode(_ row: PostgresRow) throws -> PlannableVersion {
      try PlanningStatements.decode(row)
    }
  }

  struct Noted: Statement {
    static let sql = """
      SELECT version_id FROM versions_to_plan WHERE version_id > $1
      ORDER BY version_id LIMIT $2 FOR UPDATE SKIP LOCKED
      """
    let parameters: [PostgresValue]
    init(after: Int64, limit: Int) { parameters = [.int(after), .int(limit)] }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("version_id")) }
  }

  struct Done: Statement {
    static let sql = "DELETE FROM versions_to_plan WHERE version_id = ANY ($1::bigint[])"
    let parameters: [PostgresValue]
    init(_ versions: [Int64]) { parameters = [.intArray(versions)] }
  }

  /// Who asked has a job now.
  struct Granted: Statement {
    static let sql = "DELETE FROM wishes WHERE version_id = ANY ($1::bigint[])"
    let parameters: [PostgresValue]
    init(_ versions: [Int64]) { parameters = [.intArray(versions)] }
  }
}
