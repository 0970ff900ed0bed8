import Database
import Foundation
import Postgres

@testable import Database

/// How PostgreSQL executes a claim.
enum ClaimPlan {
  /// The text of `EXPLAIN ANALYZE` of a claim, which is undone.
  static func explain(
    _ farm: Farm, builder: Int64, requirements: [Int64]
  ) async throws -> String {
    struct Undone: Error { let text: String }
    do {
      try await farm.database.pool.transaction { connection in
        let statement = ClaimStatements.Claim(
          [ClaimWish(builder: builder, slots: 2)], requirements: requirements,
          tokenHashes: ["a", "b"], seconds: 60)
        let rows = try connection.query(
          "EXPLAIN (ANALYZE, BUFFERS) " + ClaimStatements.Claim.sql, statement.parameters)
        throw Undone(
          text: try rows.map { try $0.text("QUERY PLAN") }.joined(separator: "\n"))
      }
    } catch let undone as Undone {
      return undone.text
    }
    return ""
  }

  /// How many pages the whole statement looked at.
  static func blocks(in text: String) -> Int? {
    guard let line = text.split(separator: "\n").first(where: { $0.contains("Buffers: shared") })
    else { return nil }
    return line.split(separator: " ").compactMap { word -> Int? in
      let parts = word.split(separator: "=")
      return parts.count == 2 && ["hit", "read"].contains(parts[0]) ? Int(parts[1]) : nil
    }.reduce(0, +)
  }
}
