public import FarmModel
import Postgres

/// Which versions' `.crate`s are to be looked into, besides those that somebody asked for.
public enum LookDepth: Int, Sendable {
  /// Only those that somebody asked for.
  case asked = 0
  /// The newest of each crate, too.
  case newest = 1
  /// And the older ones of crates whose newest version has a binary.
  case older = 2
}

/// Why a version's `.crate` has not been looked into.
public struct LookTrouble: Sendable, Equatable {
  /// How often it could not be fetched.
  public var failures: Int
  /// The reason of the last time.
  public var reason: String
  /// Until it is tried again; nil: it is not, unless somebody asks for it.
  public var retryInSeconds: Double?

  /// After so many failures what the registry refuses is given up: three and a half days.
  public static let most = 14
}

extension FarmDatabase {
  /// Versions to look into: first what somebody asked for, then the newest of each crate, then older
  /// ones; of each kind popular crates first. They stay until their contents have come; what could not be
  /// fetched is left out for a time, or for good (``lookFailed(_:fence:)``).
  public func looks(limit: Int, depth: LookDepth) async throws -> [RegistryLooks.Version] {
    try await pool.run(LookStatements.Next(limit: limit, depth: depth)).compactMap(\.self)
  }

  /// Remembers that somebody wants a build of a version that nobody has looked into: it is looked into
  /// first, and the job is made when it has a binary.
  ///
  /// - Returns: false where it has been looked into meanwhile, or is yanked or deleted.
  public func wish(version: Int64, target: String) async throws -> Bool {
    try await pool.transaction { connection in
      guard try connection.run(LookStatements.Unknown(version: version)).first != nil else {
        return false
      }
      try connection.run(LookStatements.Wish(version: version, target: target))
      try connection.run(LookStatements.LookFirst(version: version))
      return true
    }
  }

  /// Remembers what could not be fetched: it is left out of ``looks(limit:depth:)`` for a minute, and for
  /// twice as long with every further failure, to a day. What the registry refuses after
  /// ``LookTrouble/most`` failures is left out until somebody asks for it or the index says something new
  /// of it, and is no longer wished for.
  ///
  /// The same again changes nothing, nor does what is not to be looked into any more.
  ///
  /// - Parameter fence: of the sync's lease; nil: it has none.
  /// - Throws: ``RegistryError/staleFence(_:)``.
  public func lookFailed(_ failures: [RegistryLookFailures.Failure], fence: Int64?) async throws {
    try await pool.transaction { connection in
      try connection.holdRegistry(fence: fence)
      guard !failures.isEmpty else { return }
      try connection.run(LookStatements.Fail(failures))
    }
  }

  /// Why nobody has looked into a version; nil: it was not tried, or not in vain.
  public func lookTrouble(ofVersion id: Int64) async throws -> LookTrouble? {
    try await pool.run(LookStatements.Trouble(version: id)).first
  }

  /// Targets that somebody asked for before the version was looked into.
  public func wishes(ofVersion id: Int64) async throws -> [String] {
    try await pool.run(LookStatements.Wishes(version: id))
  }
}

enum LookStatements {
  static let all: [any Statement.Type] = [
    Next.self, Unknown.self, Wish.self, LookFirst.self, Wishes.self, Fail.self, Trouble.self,
  ]

  struct Next: Statement {
    static let sql = """
      SELECT c.name, v.version, v.checksum
      FROM (SELECT kind, band, version_id FROM looks
            WHERE NOT given_up AND kind <= $2
              AND (not_before IS NULL OR not_before <= clock_timestamp())
            ORDER BY kind, band, version_id LIMIT $1) l
      JOIN versions v ON v.id = l.version_id JOIN crates c ON c.id = v.crate_id
      ORDER BY l.kind, l.band, l.version_id
      """
    let parameters: [PostgresValue]
    init(limit: Int, depth: LookDepth) { parameters = [.int(limit), .int(depth.rawValue)] }
    /// Nil for what is no valid name or version, which the database does not hold.
    func decode(_ row: PostgresRow) throws -> RegistryLooks.Version? {
      guard let crate = CrateName(try row.text("name")),
        let version = Semver(try row.text("version"))
      else { return nil }
      return RegistryLooks.Version(
        crate: crate, version: version, checksum: try row.text("checksum"))
    }
  }

  /// Its contents wait until the transaction ends.
  struct Unknown: Statement {
    static let sql = """
      SELECT id FROM versions
      WHERE id = $1 AND has_binaries IS NULL AND NOT yanked AND deleted_at IS NULL FOR SHARE
      """
    let parameters: [PostgresValue]
    init(version: Int64) { parameters = [.int(version)] }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
  }

  struct Wish: Statement {
    static let sql = """
      INSERT INTO wishes (version_id, target) VALUES ($1, $2) ON CONFLICT DO NOTHING
      """
    let parameters: [PostgresValue]
    init(version: Int64, target: String) { parameters = [.int(version), .text(target)] }
  }

  struct LookFirst: Statement {
    static let sql = """
      INSERT INTO looks AS l (version_id, kind, band)
      SELECT v.id, 0, c.popularity_band FROM versions v JOIN crates c ON c.id = v.crate_id
      WHERE v.id = $1
      ON CONFLICT (version_id) DO UPDATE
        SET kind = 0, given_up = false, not_before = CASE WHEN NOT l.given_up THEN l.not_before END
        WHERE l.kind <> 0 OR l.given_up
      """
    let parameters: [PostgresValue]
    init(version: Int64) { parameters = [.int(version)] }
  }

  /// What waits after a failure was told before.
  struct Fail: Statement {
    static let sql = """
      WITH failed AS (
        UPDATE looks l
        SET failures = least(l.failures + 1, 1000), failure = f.reason,
            not_before = clock_timestamp()
              + least(86400, 60 * 2 ^ least(l.failures, 11)) * interval '1 s',
            given_up = f.refused AND l.failures + 1 >= \(LookTrouble.most)
        FROM jsonb_to_recordset($1::jsonb)
            AS f (crate text, version text, checksum text, reason text, refused boolean)
        JOIN crates c ON c.normalized_name = f.crate
        JOIN versions v ON v.crate_id = c.id AND v.version = f.version AND v.checksum = f.checksum
        WHERE l.version_id = v.id AND NOT l.given_up
          AND (l.not_before IS NULL OR l.not_before <= clock_timestamp())
        RETURNING l.version_id, l.given_up
      )
      DELETE FROM wishes w USING failed f WHERE f.given_up AND w.version_id = f.version_id
      """
    let parameters: [PostgresValue]

    private struct Told: Encodable {
      var crate: String
      var version: String
      var checksum: String
      var reason: String
      var refused: Bool
    }

    init(_ failures: [RegistryLookFailures.Failure]) throws {
      let rows = failures.map {
        Told(
          crate: $0.look.crate.normalized, version: $0.look.version.description,
          checksum: $0.look.checksum, reason: String($0.reason.prefix(500)), refused: $0.isRefusal)
      }
      parameters = [.json(storableJSON(try CanonicalJSON.text(rows)))]
    }
  }

  struct Trouble: Statement {
    static let sql = """
      SELECT failures, failure,
        CASE WHEN NOT given_up
          THEN greatest(0, extract(epoch FROM not_before - clock_timestamp()))::float8 END AS seconds
      FROM looks WHERE version_id = $1 AND failures > 0
      """
    let parameters: [PostgresValue]
    init(version: Int64) { parameters = [.int(version)] }
    func decode(_ row: PostgresRow) throws -> LookTrouble {
      LookTrouble(
        failures: try row.int("failures"), reason: try row.text("failure"),
        retryInSeconds: try row.optionalDouble("seconds"))
    }
  }

  struct Wishes: Statement {
    static let sql = "SELECT target FROM wishes WHERE version_id = $1 ORDER BY target"
    let parameters: [PostgresValue]
    init(version: Int64) { parameters = [.int(version)] }
    func decode(_ row: PostgresRow) throws -> String { try row.text("target") }
  }
}
