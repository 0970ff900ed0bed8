import Postgres

extension FarmDatabase {
  /// Forgets the groups whose turns are all over: they would begin at the clock's next turn anyway.
  ///
  /// - Parameter limit: how many at most, so that no transaction holds many rows.
  /// - Returns: how many were forgotten.
  public func forgetIdleGroups(limit: Int) async throws -> Int {
    try await pool.run(Turns.Forget(limit: limit)).count
  }
}

/// Virtual time: each target and class has a clock, the rank last claimed there, and each group (repository,
/// else crate) the last rank that it was given.
enum Turns {
  static let all: [any Statement.Type] = [Forget.self]

  /// A common table expression `turn` with one column, `last_rank`: the next turn of a group.
  ///
  /// - Parameters:
  ///   - jobClass: the class, a number or a parameter of the statement.
  ///   - source: a table expression of at most one row with the columns `target` and `name`, the group's.
  static func next(jobClass: String, of source: String) -> String {
    """
    turn AS (
      INSERT INTO rank_groups AS g (class, target, name, last_rank)
      SELECT \(jobClass), s.target, s.name, coalesce(c.now, 0) + 1
      FROM \(source) AS s LEFT JOIN rank_clocks c ON c.class = \(jobClass) AND c.target = s.target
      ON CONFLICT (class, target, name) DO UPDATE
        SET last_rank = greatest(excluded.last_rank, g.last_rank + 1)
      RETURNING last_rank
    )
    """
  }

  struct Forget: Statement {
    static let sql = """
      DELETE FROM rank_groups WHERE ctid IN (
        SELECT g.ctid FROM rank_groups g
        JOIN rank_clocks c ON c.class = g.class AND c.target = g.target
        WHERE g.last_rank <= c.now LIMIT $1 FOR UPDATE OF g SKIP LOCKED)
      RETURNING 1 AS forgotten
      """
    let parameters: [PostgresValue]
    init(limit: Int) { parameters = [.int(limit)] }
    func decode(_ row: PostgresRow) throws -> Int { try row.int("forgotten") }
  }
}
