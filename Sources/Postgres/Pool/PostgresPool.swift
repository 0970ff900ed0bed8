public import Logging

/// Connections to one database, opened when they are needed and shared in the order of asking.
///
/// A connection that broke while it was idle is replaced without anybody noticing. While the server
/// is away, asking for a connection tries again with growing pauses for `patience`, then throws.
public final class PostgresPool: Sendable {
  /// Where the connections lead.
  public let address: PostgresAddress
  let lending: PoolLending
  private let attempts = 8

  /// Opens nothing yet.
  ///
  /// - Parameters:
  ///   - maximumConnections: at least 1; each has a thread of its own.
  ///   - patience: how long to try to connect to a server that is away.
  public init(
    _ address: PostgresAddress, maximumConnections: Int = 8, patience: Duration = .seconds(10),
    applicationName: String = "builds.rs", logger: Logger = Logger(label: "postgres")
  ) {
    self.address = address
    lending = PoolLending(
      address: address, applicationName: applicationName, limit: max(1, maximumConnections),
      patience: patience, logger: logger)
  }

  /// Runs `body` on the thread of a connection that is nobody else's meanwhile. A transaction that
  /// `body` leaves open is rolled back. What else it changes in the session (`SET`, `LISTEN`,
  /// advisory locks) it must undo itself.
  ///
  /// - Throws: what `body` throws; `PostgresError` when no connection can be had;
  ///   `PostgresPoolError.closed`; `CancellationError`.
  @discardableResult
  public func withConnection<Result: Sendable>(
    _ body: @Sendable (isolated PostgresConnection) throws -> Result
  ) async throws -> Result {
    let connection = try await lending.borrow()
    let outcome = await connection.lend(body)
    lending.settle(connection, isUsable: outcome.isUsable)
    return try outcome.result.get()
  }

  /// Runs `body` in a transaction, committed when it returns. What failed because of others
  /// (serialization failure, deadlock) is rolled back and run again, up to 8 times in all: `body`
  /// must have no effect outside the database.
  ///
  /// - Throws: as `withConnection` and `PostgresConnection.transaction`.
  @discardableResult
  public func transaction<Result: Sendable>(
    isolation: TransactionIsolation = .readCommitted,
    _ body: @Sendable (isolated PostgresConnection) throws -> Result
  ) async throws -> Result {
    try await again { try $0.transaction(isolation: isolation, body) }
  }

  private func again<Result: Sendable>(
    _ body: @Sendable (isolated PostgresConnection) throws -> Result
  ) async throws -> Result {
    let backoff = Backoff(first: .milliseconds(2), limit: .milliseconds(200))
    for failures in 1..<attempts {
      do {
        return try await withConnection(body)
      } catch let error as PostgresError where error.isSerializationFailure {
        try await Task.sleep(for: backoff.delay(afterFailures: failures))
      }
    }
    return try await withConnection(body)
  }

  /// Runs one statement on any connection.
  ///
  /// - Throws: as `withConnection`.
  @discardableResult
  public func query(
    _ sql: String, _ parameters: [PostgresValue] = []
  ) async throws -> PostgresRows {
    try await withConnection { try $0.query(sql, parameters) }
  }

  /// Runs one statement on any connection and reads all rows of its answer. One that failed because of
  /// others (serialization failure, deadlock) has done nothing, and is run again as in `transaction`.
  ///
  /// - Throws: as `withConnection`; `PostgresDecodingError`.
  @discardableResult
  public func run<S: Statement>(_ statement: S) async throws -> [S.Row] {
    try await again { try $0.run(statement) }
  }

  /// Refuses new work, those who wait for a connection included, waits until every connection that
  /// is in use has come back, and closes all. Closing again waits as well.
  public func close() async { await lending.close() }
}

/// Why a pool gave no connection.
public enum PostgresPoolError: Error, Sendable, Equatable, CustomStringConvertible {
  /// `close` was called.
  case closed

  /// One line.
  public var description: String { "the database connections of this process are closed already" }
}

extension PostgresConnection {
  struct LendingOutcome<Result: Sendable>: Sendable {
    let result: Swift.Result<Result, any Error>
    let isUsable: Bool
  }

  /// Runs `body`, and leaves the connection clean: no transaction is open afterwards.
  func lend<Result: Sendable>(
    _ body: @Sendable (isolated PostgresConnection) throws -> Result
  ) -> LendingOutcome<Result> {
    let result = Swift.Result { try body(self) }
    do {
      try rollBack()
      return LendingOutcome(result: result, isUsable: !isBroken)
    } catch {
      return LendingOutcome(result: result, isUsable: false)
    }
  }
}
