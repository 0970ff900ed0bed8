import FarmModel
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

  public init(
    id: Int64, crate: String, version: String, checksum: String, publishedAt: Int64?, group: String,
    rustVersion: String? = nil, isNewest: Bool = false, wishes: [String] = []
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
  }
}

/// What a step of planning did.
public struct PlanningStep: Sendable, Equatable {
  /// How many versions were looked at.
  public var versions: Int
  /// How many jobs were made or changed.
  public var jobs: Int

  public init(versions: Int, jobs: Int) {
    self.versions = versions
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
  ///   - limit: how many versions at most.
  ///   - wanted: the jobs that a version should have; runs on a connection's thread, perhaps again.
  public func planNoted(
    limit: Int, _ wanted: @Sendable (PlannableVersion) -> [WantedJob]
  ) async throws -> PlanningStep {
    try await pool.transaction { connection in
      let noted = try connection.run(PlanningStatements.Noted(limit: limit))
      guard !noted.isEmpty else { return PlanningStep(versions: 0, jobs: 0) }
      let versions = try connection.run(PlanningStatements.Of(noted))
      let jobs = try connection.want(versions.flatMap(wanted))
      try connection.run(PlanningStatements.Done(noted))
      try connection.run(PlanningStatements.Granted(versions.map(\.id)))
      return PlanningStep(versions: noted.count, jobs: jobs)
    }
  }
}

enum PlanningStatements {
  static let all: [any Statement.Type] = [
    After.self, Noted.self, Of.self, Done.self, Granted.self,
  ]

  private static func query(_ which: String) -> String {
    """
    SELECT v.id, c.name, v.version, v.checksum,
      extract(epoch FROM v.published_at)::bigint AS published_at,
      \(CrateQueries.group) AS job_group, v.rust_version,
      v.latest_key = (SELECT max(n.latest_key) FROM versions n
                      WHERE n.crate_id = v.crate_id AND n.has_binaries AND NOT n.yanked
                        AND n.deleted_at IS NULL) AS is_newest,
      array(SELECT w.target FROM wishes w WHERE w.version_id = v.id ORDER BY w.target) AS wishes
    FROM versions v JOIN crates c ON c.id = v.crate_id
    WHERE v.has_binaries AND NOT v.yanked AND v.deleted_at IS NULL AND \(which)
    """
  }

  private static func decode(_ row: PostgresRow) throws -> PlannableVersion {
    PlannableVersion(
      id: Int64(try row.int("id")), crate: try row.text("name"), version: try row.text("version"),
      checksum: try row.text("checksum"),
      publishedAt: try row.optionalInt("published_at").map(Int64.init),
      group: try row.text("job_group"), rustVersion: try row.optionalText("rust_version"),
      isNewest: try row.bool("is_newest"), wishes: try row.textArray("wishes"))
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
      SELECT version_id FROM versions_to_plan ORDER BY version_id LIMIT $1 FOR UPDATE SKIP LOCKED
      """
    let parameters: [PostgresValue]
    init(limit: Int) { parameters = [.int(limit)] }
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
