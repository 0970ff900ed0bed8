import Foundation
import Postgres
public import Scheduling

/// A requirement under the number by which jobs name it.
public struct StoredRequirement: Sendable, Equatable {
  public var id: Int64
  public var requirement: JobRequirement
}

extension FarmDatabase {
  /// All requirements that jobs have had; few.
  public func requirements() async throws -> [StoredRequirement] {
    try await pool.run(RequirementStatements.List())
  }
}

enum RequirementStatements {
  static let all: [any Statement.Type] = [List.self, Number.self, Find.self]

  static func decode(_ row: PostgresRow) throws -> StoredRequirement {
    let labels = Data(try row.text("labels").utf8)
    let minimum = try row.text("minimum_rust")
    return StoredRequirement(
      id: Int64(try row.int("id")),
      requirement: JobRequirement(
        target: try row.text("target"), executor: try row.text("executor"),
        memory: SizeClass(rawValue: try row.int("memory_class")),
        disk: SizeClass(rawValue: try row.int("disk_class")), rust: try row.text("rust"),
        minimumRust: minimum.isEmpty ? nil : minimum, module: try row.text("module"),
        labels: try JSONDecoder().decode([String: String].self, from: labels)))
  }

  static let columns = """
    id, target, executor, memory_class, disk_class, rust, minimum_rust, module, labels::text AS labels
    """

  struct List: Statement {
    static let sql = "SELECT \(columns) FROM requirements"
    func decode(_ row: PostgresRow) throws -> StoredRequirement {
      try RequirementStatements.decode(row)
    }
  }

  struct Find: Statement {
    static let sql = "SELECT \(columns) FROM requirements WHERE id = $1"
    let parameters: [PostgresValue]
    init(id: Int64) { parameters = [.int(id)] }
    func decode(_ row: PostgresRow) throws -> StoredRequirement {
      try RequirementStatements.decode(row)
    }
  }

  /// The number of a requirement, which is made where it is new, with the clocks of its target.
  struct Number: Statement {
    static let sql = """
      WITH made AS (
        INSERT INTO requirements (target, executor, memory_class, disk_class, rust, minimum_rust,
                                  module, labels)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb) ON CONFLICT DO NOTHING RETURNING id, target
      ), clocks AS (
        INSERT INTO rank_clocks (class, target)
        SELECT class, made.target FROM made, generate_series(0, 3) AS class ORDER BY class
        ON CONFLICT DO NOTHING
      )
      SELECT id FROM made
      UNION ALL
      SELECT id FROM requirements
      WHERE target = $1 AND executor = $2 AND memory_class = $3 AND disk_class = $4 AND rust = $5
        AND minimum_rust = $6 AND module = $7 AND labels = $8::jsonb
      LIMIT 1
      """
    let parameters: [PostgresValue]
    init(_ requirement: JobRequirement) throws {
      let labels = try JSONSerialization.data(
        withJSONObject: requirement.labels, options: .sortedKeys)
      parameters = [
        .text(requirement.target), .text(requirement.executor), .int(requirement.memory.rawValue),
        .int(requirement.disk.rawValue), .text(requirement.rust),
        .text(requirement.minimumRust ?? ""), .text(requirement.module),
        .json(String(decoding: labels, as: UTF8.self)),
      ]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
  }
}

extension PostgresConnection {
  /// The number of a requirement. In the rare moment in which another transaction has just made the same
  /// one, its row is not seen yet; it is once the insertion has waited for it.
  func number(of requirement: JobRequirement) throws -> Int64 {
    for _ in 0..<3 {
      if let id = try run(try RequirementStatements.Number(requirement)).first { return id }
    }
    throw PostgresDecodingError(column: "id", expected: "a requirement's number", found: "none")
  }
}
