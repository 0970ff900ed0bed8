import Postgres

extension FarmDatabase {
  /// Adds what clients asked this farm for.
  ///
  /// - Parameter uses: how often, by the crate's number.
  public func addUses(_ uses: [Int64: Int]) async throws {
    guard !uses.isEmpty else { return }
    let sorted = uses.sorted { $0.key < $1.key }
    try await pool.transaction { connection in
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
  static let all: [any Statement.Type] = [AddUses.self, Rank.self]

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
