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

extension FarmDatabase {
  /// Versions to look into: first what somebody asked for, then the newest of each crate, then older
  /// ones; of each kind popular crates first. They stay until their contents have come.
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

  /// Targets that somebody asked for before the version was looked into.
  public func wishes(ofVersion id: Int64) async throws -> [String] {
    try await pool.run(LookStatements.Wishes(version: id))
  }
}

enum LookStatements {
  static let all: [any Statement.Type] = [
    Next.self, Unknown.self, Wish.self, LookFirst.self, Wishes.self,
  ]

  struct Next: Statement {
    static let sql = """
      SELECT c.name, v.version, v.checksum
      FROM (SELECT kind, band, version_id FROM looks WHERE kind <= $2
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
      ON CONFLICT (version_id) DO UPDATE SET kind = 0 WHERE l.kind <> 0
      """
    let parameters: [PostgresValue]
    init(version: Int64) { parameters = [.int(version)] }
  }

  struct Wishes: Statement {
    static let sql = "SELECT target FROM wishes WHERE version_id = $1 ORDER BY target"
    let parameters: [PostgresValue]
    init(version: Int64) { parameters = [.int(version)] }
    func decode(_ row: PostgresRow) throws -> String { try row.text("target") }
  }
}
