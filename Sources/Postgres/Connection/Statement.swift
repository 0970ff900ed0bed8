/// A statement as a type: its text, its parameters and how a row of its answer is read. A test can
/// prepare every one of them on a migrated schema.
public protocol Statement: Sendable {
  /// What a row of the answer becomes; `Void` for statements that answer none.
  associatedtype Row: Sendable = Void
  /// One statement with the parameters `$1`, `$2`, …
  static var sql: String { get }
  /// The parameters, in order.
  var parameters: [PostgresValue] { get }
  /// Reads one row.
  ///
  /// - Throws: `PostgresDecodingError`.
  func decode(_ row: PostgresRow) throws -> Row
}

extension Statement {
  /// None.
  public var parameters: [PostgresValue] { [] }

  /// Lets the server check the statement without running it.
  ///
  /// - Throws: `PostgresError`, for example 42703 for a column that does not exist.
  public static func prepare(on connection: isolated PostgresConnection) throws {
    try connection.prepare(sql)
  }
}

extension Statement where Row == Void {
  /// Nothing to read.
  public func decode(_ row: PostgresRow) throws {}
}

extension PostgresConnection {
  /// Runs a statement and reads all rows of its answer.
  ///
  /// - Throws: `PostgresError`; `PostgresDecodingError`; `CancellationError`.
  @discardableResult
  public func run<S: Statement>(_ statement: S) throws -> [S.Row] {
    try query(S.sql, statement.parameters).map(statement.decode)
  }

  /// Runs a statement for its effect.
  ///
  /// - Returns: how many rows it changed.
  /// - Throws: `PostgresError`; `CancellationError`.
  @discardableResult
  public func change(_ statement: some Statement) throws -> Int {
    try query(type(of: statement).sql, statement.parameters).affectedRows
  }
}
