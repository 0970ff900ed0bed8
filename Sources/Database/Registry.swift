public import FarmModel
import Postgres

/// What a line of the registry sync changed.
public struct IngestedVersion: Sendable, Equatable {
  public enum Change: String, Sendable { case added, changed, unchanged }
  public var id: Int64
  public var crate: String
  public var version: Semver
  public var checksum: String
  public var yanked: Bool
  public var publishedAt: Int64?
  public var change: Change
  /// Whether the version has a binary, as far as anybody has looked.
  public var hasBinaries: Bool
  /// Which jobs share a turn: the repository, else the crate.
  public var group: String
  /// The oldest Rust that it compiles with, as its author says.
  public var rustVersion: String?
}

extension FarmDatabase {
  /// Keeps what the sync has found: all records, or none where one cannot be kept.
  ///
  /// Idempotent. A yank cancels the version's waiting jobs and asks for the end of the running ones;
  /// an unyank brings cancelled ones back.
  /// - Throws: ``RegistryError/versionBeforeRegistry`` when no `registry` record came first.
  public func ingest(_ records: [RegistryRecord]) async throws -> [IngestedVersion] {
    try await pool.transaction { connection in
      var registry: Int64?
      var versions: [IngestedVersion] = []
      for record in records {
        switch record {
        case .registry(let description):
          registry = try connection.run(RegistryStatements.UpsertRegistry(description)).first
        case .version(let version):
          guard let registry else { throw RegistryError.versionBeforeRegistry }
          versions.append(try Self.ingest(version, registry: registry, on: connection))
        }
      }
      return versions
    }
  }

  private static func ingest(
    _ version: RegistryVersion, registry: Int64, on connection: isolated PostgresConnection
  ) throws -> IngestedVersion {
    let crate = try connection.run(
      RegistryStatements.UpsertCrate(registry: registry, version: version))
    guard let crate = crate.first else { throw RegistryError.nameTaken(version.crate.text) }
    let before = try connection.run(
      RegistryStatements.LockVersion(crate: crate.id, version: version.version)
    ).first
    let stored = try connection.run(
      try RegistryStatements.UpsertVersion(crate: crate.id, version: version))
    guard let stored = stored.first else { throw RegistryError.nameTaken(version.crate.text) }
    if let before, before.yanked != version.yanked {
      let changed = try connection.run(
        JobStatements.CancelJobsOfVersion(
          version: stored.id, wanted: version.yanked ? .cancel : .revive))
      if !version.yanked { try connection.wake(Set(changed)) }
    }
    let change: IngestedVersion.Change =
      before.map { $0.updatedAt == stored.updatedAt ? .unchanged : .changed } ?? .added
    return IngestedVersion(
      id: stored.id, crate: crate.name, version: version.version, checksum: stored.checksum,
      yanked: stored.yanked, publishedAt: stored.publishedAt, change: change,
      hasBinaries: stored.hasBinaries, group: crate.group, rustVersion: stored.rustVersion)
  }
}

/// Why the records of a sync were not kept.
public enum RegistryError: Error, Sendable, Equatable, CustomStringConvertible {
  case versionBeforeRegistry
  /// Another crate has this name but for case or `-`/`_`.
  case nameTaken(String)

  public var description: String {
    switch self {
    case .versionBeforeRegistry: "the first line must be a “registry” line"
    case .nameTaken(let name):
      "crate “\(name)” has the name of another crate but for case, “-” or “_”"
    }
  }
}

enum RegistryStatements {
  static let all: [any Statement.Type] = [
    UpsertRegistry.self, UpsertCrate.self, LockVersion.self, UpsertVersion.self,
  ]

  struct UpsertRegistry: Statement {
    static let sql = """
      INSERT INTO registries (index_url, download_template) VALUES ($1, $2)
      ON CONFLICT (index_url) DO UPDATE
        SET download_template = excluded.download_template, updated_at = clock_timestamp()
      RETURNING id
      """
    let parameters: [PostgresValue]
    init(_ registry: RegistryDescription) {
      parameters = [.text(registry.indexURL), .text(registry.downloadTemplate)]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
  }

  /// Answers no row when another crate has the normalised name.
  struct UpsertCrate: Statement {
    struct Row: Sendable {
      let id: Int64
      let name: String
      let group: String
    }
    static let sql = """
      INSERT INTO crates (registry_id, name, normalized_name, description, repository, license)
      VALUES ($1, $2, $3, $4, $5, $6)
      ON CONFLICT (normalized_name) DO UPDATE
        SET description = coalesce(excluded.description, crates.description),
            repository = coalesce(excluded.repository, crates.repository),
            license = coalesce(excluded.license, crates.license)
        WHERE crates.name = excluded.name
      RETURNING id, name, coalesce(repository, name) AS job_group
      """
    let parameters: [PostgresValue]
    init(registry: Int64, version: RegistryVersion) {
      parameters = [
        .int(registry), .text(version.crate.text), .text(version.crate.normalized),
        .optional(storable(version.contents?.description)),
        .optional(storable(version.contents?.repository)),
        .optional(storable(version.contents?.license)),
      ]
    }
    func decode(_ row: PostgresRow) throws -> Row {
      Row(
        id: Int64(try row.int("id")), name: try row.text("name"), group: try row.text("job_group"))
    }
  }

  struct LockVersion: Statement {
    struct Row: Sendable {
      let yanked: Bool
      let updatedAt: String
    }
    static let sql = """
      SELECT yanked, updated_at::text AS updated_at FROM versions
      WHERE crate_id = $1 AND version = $2 FOR UPDATE
      """
    let parameters: [PostgresValue]
    init(crate: Int64, version: Semver) {
      parameters = [.int(crate), .text(version.description)]
    }
    func decode(_ row: PostgresRow) throws -> Row {
      Row(yanked: try row.bool("yanked"), updatedAt: try row.text("updated_at"))
    }
  }

  /// Touches `updated_at` only where something is different, which is how a change is told.
  struct UpsertVersion: Statement {
    struct Row: Sendable {
      let id: Int64
      let checksum: String
      let yanked: Bool
      let publishedAt: Int64?
      let hasBinaries: Bool
      let rustVersion: String?
      let updatedAt: String
    }
    static let sql = """
      WITH new AS (
        INSERT INTO versions AS v (crate_id, version, checksum, yanked, rust_version, published_at,
                                   contents, has_binaries)
        VALUES ($1, $2, $3, $4, $5, to_timestamp($6::float8), $7::jsonb,
                jsonb_array_length($7::jsonb -> 'binaries') > 0)
        ON CONFLICT (crate_id, version) DO UPDATE
          SET checksum = excluded.checksum, yanked = excluded.yanked,
              rust_version = coalesce(excluded.rust_version, v.rust_version),
              published_at = coalesce(excluded.published_at, v.published_at),
              contents = coalesce(excluded.contents, v.contents),
              has_binaries = coalesce(excluded.has_binaries, v.has_binaries),
              updated_at = clock_timestamp()
          WHERE (v.checksum, v.yanked) IS DISTINCT FROM (excluded.checksum, excluded.yanked)
             OR (excluded.contents IS NOT NULL AND v.contents IS DISTINCT FROM excluded.contents)
             OR (excluded.rust_version IS NOT NULL
                 AND v.rust_version IS DISTINCT FROM excluded.rust_version)
             OR (excluded.published_at IS NOT NULL
                 AND v.published_at IS DISTINCT FROM excluded.published_at)
        RETURNING *
      )
      SELECT id, checksum, yanked, extract(epoch FROM published_at)::bigint AS published_at,
             coalesce(has_binaries, false) AS has_binaries, rust_version,
             updated_at::text AS updated_at
      FROM new
      UNION ALL
      SELECT id, checksum, yanked, extract(epoch FROM published_at)::bigint,
             coalesce(has_binaries, false), rust_version, updated_at::text
      FROM versions WHERE crate_id = $1 AND version = $2 AND NOT EXISTS (SELECT FROM new)
      """
    let parameters: [PostgresValue]
    init(crate: Int64, version: RegistryVersion) throws {
      parameters = [
        .int(crate), .text(version.version.description), .text(version.checksum),
        .bool(version.yanked), .optional(storable(version.rustVersion)),
        version.publishedAt.map { .double(Double($0)) } ?? .null,
        try version.contents.map { .json(storableJSON(try CanonicalJSON.text($0))) } ?? .null,
      ]
    }
    func decode(_ row: PostgresRow) throws -> Row {
      Row(
        id: Int64(try row.int("id")), checksum: try row.text("checksum"),
        yanked: try row.bool("yanked"),
        publishedAt: try row.optionalInt("published_at").map(Int64.init),
        hasBinaries: try row.bool("has_binaries"),
        rustVersion: try row.optionalText("rust_version"), updatedAt: try row.text("updated_at"))
    }
  }
}
