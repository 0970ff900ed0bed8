import Postgres

/// Whether every row keeps the schema's rules: each is declared once more, which looks at all rows.
extension Verdict {
  func constraints() async throws -> Check {
    var check = Check("constraints", "no row breaks a constraint")
    let declared = try await rows(
      """
      SELECT conrelid::regclass::text AS relation, conname, pg_get_constraintdef(oid) AS definition
      FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u', 'p')
      ORDER BY 1, 2
      """
    ) { (try $0.text("relation"), try $0.text("conname"), try $0.text("definition")) }
    for (relation, name, definition) in declared {
      check.looked += 1
      // A table has one primary key; that it is unique is what can be declared again.
      let rule = definition.replacing("PRIMARY KEY", with: "UNIQUE")
      let problem = await failure(
        of: "ALTER TABLE \(relation) ADD CONSTRAINT farm_faults_again \(rule)")
      if let problem { check.violations.append("\(relation).\(name): \(problem)") }
    }
    let tables = try await texts(
      "SELECT relname AS text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    for table in tables {
      check.looked += 1
      if let problem = await failure(of: "REINDEX TABLE \(table)") {
        check.violations.append("\(table): \(problem)")
      }
    }
    return check
  }

  /// Why a statement fails; it is undone in any case.
  private func failure(of sql: String) async -> String? {
    var problem: String?
    do { try await connection.execute("BEGIN; \(sql)") } catch { problem = "\(error)" }
    try? await connection.execute("ROLLBACK")
    return problem
  }
}
