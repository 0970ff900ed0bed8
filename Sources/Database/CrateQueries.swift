public import FarmModel
public import Foundation
import Postgres

/// A line of the search's answer.
public struct CrateSummary: Sendable, Equatable {
  public var name: String
  public var description: String?
  /// The unyanked versions with a binary, as published.
  public var versions: [String]
  /// Targets with a published build of any version.
  public var targets: [String]
}

/// A crate with what stands on its page.
public struct StoredCrate: Sendable, Equatable {
  public var id: Int64
  public var name: String
  public var description: String?
  public var repository: String?
  public var license: String?

  /// Which jobs share a turn: the repository, else the crate. No longer than an index can hold, since
  /// anybody may write any text into a manifest.
  public var group: String {
    String(String.UnicodeScalarView((repository ?? name).unicodeScalars.prefix(500)))
  }
}

/// A version of a crate.
public struct StoredVersion: Sendable, Equatable {
  public var id: Int64
  public var version: String
  public var checksum: String
  public var yanked: Bool
  /// The registry's index has it no more.
  public var isDeleted: Bool
  public var publishedAt: Date?
  /// `CrateContents` as JSON; nil: nobody has looked into the `.crate`.
  public var contents: String?
  public var hasBinaries: Bool?
  /// The oldest Rust that it compiles with, as its author says.
  public var rustVersion: String?
  public var updatedAt: Date
}

/// The state of one (version, target).
public struct TargetStatus: Sendable, Equatable {
  public var versionID: Int64
  public var target: String
  public var jobID: Int64
  public var state: JobState
  public var failureClass: String?
  public var failureMessage: String?
  /// The build that is served; nil: none yet.
  public var buildID: Int64?
  /// Whether all that is wanted of it is that the served build is checked.
  public var isOnlyCheck: Bool
  public var updatedAt: Date
}

/// A published build.
public struct StoredBuild: Sendable, Equatable {
  public var id: Int64
  public var jobID: Int64
  public var attempt: Int32
  public var revision: Int
  public var planDigest: String
  public var environmentDigest: String
  public var toolchain: String
  public var glibcFloor: String?
  public var reproducibility: String
  /// `BuildReport` as JSON.
  public var report: String
  public var publishedAt: Date
  public var artifacts: [StoredArtifact]
  /// What a second build by another builder has shown.
  public var verification: StoredVerification?
  /// The last check of the build since it was published; nil: none, its own report tells all.
  public var check: StoredCheck?
}

/// A published file.
public struct StoredArtifact: Sendable, Equatable {
  public var name: String
  public var kind: String
  public var size: Int64
  public var sha256: String
  public var signature: String
  public var keyID: String
}

extension FarmDatabase {
  /// Crates with a binary whose name or description holds the text, by name, after a cursor (the
  /// last name of the page before).
  public func searchCrates(text: String, target: String?, after cursor: String, limit: Int)
    async throws -> [CrateSummary]
  {
    try await pool.run(
      CrateQueries.Search(text: text, target: target, after: cursor, limit: limit))
  }

  /// A crate by its name; case and `-`/`_` do not matter.
  public func crate(named name: String) async throws -> StoredCrate? {
    try await pool.run(CrateQueries.Crate(name: name)).first
  }

  /// All versions of a crate, in no order that means anything.
  public func versions(ofCrate id: Int64) async throws -> [StoredVersion] {
    try await pool.run(CrateQueries.Versions(crate: id))
  }

  /// The jobs of all versions of a crate, by target.
  public func targetStatus(ofCrate id: Int64) async throws -> [TargetStatus] {
    try await pool.run(CrateQueries.Status(crate: id))
  }

  /// A build with its artifacts.
  public func build(_ id: Int64) async throws -> StoredBuild? {
    try await pool.withConnection { connection in
      guard var build = try connection.run(CrateQueries.Build(id: id)).first else { return nil }
      build.artifacts = try connection.run(CrateQueries.Artifacts(build: id))
      build.verification = try connection.run(VerificationStatements.OfBuild(build: id)).first
      build.check = try connection.run(CheckStatements.OfBuild(build: id)).first
      return build
    }
  }

  /// A published file by its content and name; nil: nothing of that name has this content.
  public func artifact(sha256: String, name: String) async throws -> StoredArtifact? {
    try await pool.run(CrateQueries.Artifact(sha256: sha256, name: name)).first
  }
}

enum CrateQueries {
  static let all: [any Statement.Type] = [
    Search.self, Crate.self, Versions.self, Status.self, Build.self, Artifacts.self, Artifact.self,
  ]

  /// `StoredCrate.group` of a crate `c`.
  static let group = "left(coalesce(c.repository, c.name), 500)"

  struct Search: Statement {
    static let sql = """
      SELECT c.name, c.description,
        array(SELECT v.version FROM versions v
              WHERE v.crate_id = c.id AND v.has_binaries AND NOT v.yanked
                AND v.deleted_at IS NULL) AS versions,
        array(SELECT DISTINCT j.target FROM versions v JOIN jobs j ON j.version_id = v.id
              WHERE v.crate_id = c.id AND j.build_id IS NOT NULL ORDER BY j.target) AS targets
      FROM crates c
      WHERE c.name > $3
        AND (position(lower($1) IN lower(c.name)) > 0
             OR position(lower($1) IN lower(coalesce(c.description, ''))) > 0)
        AND EXISTS (SELECT FROM versions v WHERE v.crate_id = c.id AND v.has_binaries)
        AND ($2::text IS NULL
             OR EXISTS (SELECT FROM versions v JOIN jobs j ON j.version_id = v.id
                        WHERE v.crate_id = c.id AND j.target = $2 AND j.build_id IS NOT NULL))
      ORDER BY c.name LIMIT $4
      """
    let parameters: [PostgresValue]
    init(text: String, target: String?, after cursor: String, limit: Int) {
      parameters = [
        .text(storable(text)), .optional(storable(target)), .text(storable(cursor)), .int(limit),
      ]
    }
    func decode(_ row: PostgresRow) throws -> CrateSummary {
      CrateSummary(
        name: try row.text("name"), description: try row.optionalText("description"),
        versions: try row.textArray("versions"), targets: try row.textArray("targets"))
    }
  }

  struct Crate: Statement {
    static let sql = """
      SELECT id, name, description, repository, license FROM crates WHERE normalized_name = $1
      """
    let parameters: [PostgresValue]
    init(name: String) { parameters = [.text(CrateName.normalize(storable(name)))] }
    func decode(_ row: PostgresRow) throws -> StoredCrate {
      StoredCrate(
        id: Int64(try row.int("id")), name: try row.text("name"),
        description: try row.optionalText("description"),
        repository: try row.optionalText("repository"), license: try row.optionalText("license"))
    }
  }

  struct Versions: Statement {
    static let sql = """
      SELECT v.id, v.version, v.checksum, v.yanked, v.deleted_at IS NOT NULL AS deleted, v.published_at,
             c.contents::text AS contents, v.has_binaries, v.rust_version, v.updated_at
      FROM versions v LEFT JOIN contents c ON v.has_binaries IS NOT NULL AND c.checksum = v.checksum
      WHERE v.crate_id = $1
      """
    let parameters: [PostgresValue]
    init(crate: Int64) { parameters = [.int(crate)] }
    func decode(_ row: PostgresRow) throws -> StoredVersion {
      StoredVersion(
        id: Int64(try row.int("id")), version: try row.text("version"),
        checksum: try row.text("checksum"), yanked: try row.bool("yanked"),
        isDeleted: try row.bool("deleted"), publishedAt: try row.optionalDate("published_at"),
        contents: try row.optionalText("contents"),
        hasBinaries: try row.optionalBool("has_binaries"),
        rustVersion: try row.optionalText("rust_version"), updatedAt: try row.date("updated_at"))
    }
  }

  struct Status: Statement {
    static let sql = """
      SELECT j.version_id, j.target, j.id, j.state, j.failure_class, j.failure_message, j.build_id,
             j.only_check, j.updated_at
      FROM jobs j JOIN versions v ON v.id = j.version_id
      WHERE v.crate_id = $1 AND j.verifies IS NULL ORDER BY j.target
      """
    let parameters: [PostgresValue]
    init(crate: Int64) { parameters = [.int(crate)] }
    func decode(_ row: PostgresRow) throws -> TargetStatus {
      TargetStatus(
        versionID: Int64(try row.int("version_id")), target: try row.text("target"),
        jobID: Int64(try row.int("id")), state: try jobState(row, "state"),
        failureClass: try row.optionalText("failure_class"),
        failureMessage: try row.optionalText("failure_message"),
        buildID: try row.optionalInt("build_id").map(Int64.init),
        isOnlyCheck: try row.bool("only_check"), updatedAt: try row.date("updated_at"))
    }
  }

  struct Build: Statement {
    static let sql = """
      SELECT id, job_id, attempt, revision, plan_digest, environment_digest, toolchain, glibc_floor,
             reproducibility, report::text AS report, published_at
      FROM builds WHERE id = $1
      """
    let parameters: [PostgresValue]
    init(id: Int64) { parameters = [.int(id)] }
    func decode(_ row: PostgresRow) throws -> StoredBuild {
      StoredBuild(
        id: Int64(try row.int("id")), jobID: Int64(try row.int("job_id")),
        attempt: Int32(try row.int("attempt")), revision: try row.int("revision"),
        planDigest: try row.text("plan_digest"),
        environmentDigest: try row.text("environment_digest"),
        toolchain: try row.text("toolchain"), glibcFloor: try row.optionalText("glibc_floor"),
        reproducibility: try row.text("reproducibility"), report: try row.text("report"),
        publishedAt: try row.date("published_at"), artifacts: [])
    }
  }

  static let artifactColumns = "name, kind, size, sha256, signature, key_id"

  static func decodeArtifact(_ row: PostgresRow) throws -> StoredArtifact {
    StoredArtifact(
      name: try row.text("name"), kind: try row.text("kind"), size: Int64(try row.int("size")),
      sha256: try row.text("sha256"), signature: try row.text("signature"),
      keyID: try row.text("key_id"))
  }

  struct Artifacts: Statement {
    static let sql = """
      SELECT \(artifactColumns) FROM artifacts WHERE build_id = $1 ORDER BY name
      """
    let parameters: [PostgresValue]
    init(build: Int64) { parameters = [.int(build)] }
    func decode(_ row: PostgresRow) throws -> StoredArtifact {
      try CrateQueries.decodeArtifact(row)
    }
  }

  struct Artifact: Statement {
    static let sql = """
      SELECT \(artifactColumns) FROM artifacts WHERE sha256 = $1 AND name = $2
      ORDER BY id DESC LIMIT 1
      """
    let parameters: [PostgresValue]
    init(sha256: String, name: String) {
      parameters = [.text(storable(sha256)), .text(storable(name))]
    }
    func decode(_ row: PostgresRow) throws -> StoredArtifact {
      try CrateQueries.decodeArtifact(row)
    }
  }
}

/// A job's state; the schema's `CHECK` allows no other text.
func jobState(_ row: PostgresRow, _ column: String) throws -> JobState {
  let text = try row.text(column)
  guard let state = JobState(rawValue: text) else {
    throw PostgresDecodingError(column: column, expected: "a job state", found: text)
  }
  return state
}
