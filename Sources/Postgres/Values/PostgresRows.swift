import CPostgres
import Glibc

/// What a statement answered: its rows, in order, and how many rows it changed.
///
/// The rows stay in libpq's memory, all of them, until the last copy of this value is gone.
public struct PostgresRows: Sendable, RandomAccessCollection {
  let result: QueryResult

  /// Always 0.
  public var startIndex: Int { 0 }
  /// The number of rows.
  public var endIndex: Int { result.rowCount }
  /// The row at a position below `count`.
  public subscript(position: Int) -> PostgresRow {
    precondition(indices.contains(position), "row \(position) of \(count)")
    return PostgresRow(result: result, index: Int32(position))
  }

  /// Rows that INSERT, UPDATE, DELETE, MERGE or COPY changed, or SELECT returned; else 0.
  public var affectedRows: Int { result.affectedRows }

  /// The names of the columns, in order.
  public var columns: [String] { result.columns }

  /// The row of a statement that always answers exactly one.
  ///
  /// - Throws: `PostgresDecodingError` for none or several.
  public func single() throws -> PostgresRow {
    guard count == 1 else {
      throw PostgresDecodingError(column: "", expected: "exactly one row", found: "\(count) rows")
    }
    return self[0]
  }
}

/// A result of libpq, freed with its last owner.
///
/// `@unchecked Sendable`: after PQgetResult a PGresult is never written (documentation, 34.20
/// Behavior in Threaded Programs: "PGresult objects are normally read-only after creation").
final class QueryResult: @unchecked Sendable {
  private let result: OpaquePointer
  let rowCount: Int

  init(owning result: OpaquePointer) {
    self.result = result
    rowCount = Int(PQntuples(result))
  }

  deinit { PQclear(result) }

  var affectedRows: Int { PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0 }

  var commandTag: String { PQcmdStatus(result).map { String(cString: $0) } ?? "" }

  var columns: [String] { (0..<PQnfields(result)).map { String(cString: PQfname(result, $0)) } }

  func columnIndex(_ name: String) -> Int32? {
    (0..<PQnfields(result)).first { strcmp(PQfname(result, $0), name) == 0 }
  }

  func typeName(_ column: Int32) -> String { PostgresType.name(oid: PQftype(result, column)) }

  func isBytes(_ column: Int32) -> Bool { PQftype(result, column) == PostgresType.bytea }

  /// The value's text, valid as long as this result; `nil` for NULL.
  func value(_ row: Int32, _ column: Int32) -> UnsafeRawBufferPointer? {
    guard PQgetisnull(result, row, column) == 0 else { return nil }
    let length = Int(PQgetlength(result, row, column))
    return UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: length)
  }
}

/// The types that error texts can name.
enum PostgresType {
  static let bytea: UInt32 = 17

  private static let names: [UInt32: String] = [
    16: "boolean", 17: "bytea", 20: "bigint", 21: "smallint", 23: "integer", 25: "text",
    114: "json", 700: "real", 701: "double precision", 1005: "smallint[]", 1007: "integer[]",
    1009: "text[]", 1016: "bigint[]", 1043: "character varying", 1082: "date",
    1114: "timestamp", 1184: "timestamptz", 1186: "interval", 1700: "numeric", 2950: "uuid",
    3802: "jsonb",
  ]

  static func name(oid: UInt32) -> String { names[oid] ?? "type \(oid)" }
}
