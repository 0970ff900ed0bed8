import Postgres

extension FarmDatabase {
  /// Adds what clients asked this farm for.
  ///
  /// - Parameters:
  ///   - uses: how often, by the crate's number.
  ///   - files: how often by the SHA-256 of a published file, which is of the crate that has published it last.
  public func addUses(_ uses: [Int64: Int], files: [String: Int] = [:]) async throws {
    guard !uses.isEmpty || !files.isEmpty else { return }
    try await pool.transaction { connection in
      var uses = uses
      for (sha256, crate) in try connection.run(
        PopularityStatements.CratesOfFiles(Array(files.keys)))
      {
        uses[crate, default: 0] += files[sha256] ?? 0
      }
      let sorted = uses.sorted { $0.key < $1.key }
      try connection.run(
        PopularityStatements.AddUses(
          crates: sorted.map(\.key), uses: sorted.map { Int64($0.value) }))
    }
  }

  /// Puts crates into bands of popularity, from 0 for the tenth that is used most to 9, by the
  /// registry's downloads and, where those are the same, by what was asked of this farm. Crates that
  /// are used the same are in one band. Nothing happens where nothing is known of any crate.
  ///
  /// - Returns: of how many crates the band is another one now.
  public func rankCrates() async throws -> Int {
    try await pool.transaction { connection in
      // Bodies of the sync write the same rows.
      try connection.run(RegistryLeaseStatements.Alone())
      return try connection.run(PopularityStatements.Rank()).first ?? 0
    }
  }
}

enum PopularityStatements {
  static let all: [any Statement.Type] = [CratesOfFiles.self, AddUses.self, Rank.self]

  struct CratesOfFiles: Statement {
    static let sql = """
      SELECT DISTINCT ON (f.sha256) f.sha256, v.crate_id
      FROM unnest($1::text[]) AS f (sha256)
      JOIN artifacts a ON a.sha256 = f.sha256
      JOIN builds b ON b.id = a.build_id JOIN jobs j ON j.id = b.job_id
      JOIN versions v ON v.id = j.version_id
      ORDER BY f.sha256, a.id DESC
      """
    let parameters: [PostgresValue]
    init(_ files: [String]) { parameters = [.textArray(files)] }
    func decode(_ row: PostgresRow) throws -> (sha256: String, crate: Int64) {
      (try row.text("sha256"), Int64(try row.int("crate_id")))
    }
  }

  struct AddUses: Statement {
    static let sql = """
      UPDATE crates c SET farm_uses = c.farm_uses + u.uses
      FROM unnest($1::bigint[], $2::bigint[]) AS u (id, uses) WHERE c.id = u.id
      """
    let parameters: [PostgresValue]
    init(crates: [Int64], uses: [Int64]) { parameters = [.intArray(crates), .intArray(uses)] }
  }

  struct Rank: Statement {
    static let sql = """
      WITH ranked AS (
        SELECT id, (9 - 10 * (rank() OVER (ORDER BY coalesce(downloads, 0), farm_uses) - 1)
                        / count(*) OVER ())::smallint AS band
        FROM crates WHERE EXISTS (SELECT FROM crates WHERE downloads > 0 OR farm_uses > 0)
      ), changed AS (
        UPDATE crates c SET popularity_band = r.band
        FROM ranked r WHERE r.id = c.id AND c.popularity_band <> r.band
        RETURNING c.id, c.popularity_band AS band
      ), moved AS (
        UPDATE looks l SET band = m.band
        FROM changed m JOIN versions v ON v.crate_id = m.id
        WHERE l.version_id = v.id AND l.band <> m.band
      )
      SELECT count(*) AS changed FROM changed
      """
    func decode(_ row: PostgresRow) throws -> Int { try row.int("changed") }
  }
}
