/// How much a transaction may see of others (documentation, 13.2).
public enum TransactionIsolation: String, Sendable {
  case readCommitted = "READ COMMITTED"
  case repeatableRead = "REPEATABLE READ"
  case serializable = "SERIALIZABLE"
}

extension PostgresConnection {
  /// Runs `body` in a transaction: committed when it returns, rolled back when it throws. It is
  /// not tried again here; the pool's `transaction` does that.
  ///
  /// - Throws: what `body` throws; `PostgresError` 25001 inside a transaction, 25P02 when `body`
  ///   has swallowed the error of a statement; 08006 during COMMIT leaves open what became of it.
  @discardableResult
  public func transaction<Result>(
    isolation: TransactionIsolation = .readCommitted,
    _ body: (isolated PostgresConnection) throws -> Result
  ) throws -> Result {
    guard !isInTransaction else {
      throw PostgresError.client("25001", "a transaction is open on this connection already")
    }
    try execute("BEGIN ISOLATION LEVEL \(isolation.rawValue)")
    do {
      let result = try body(self)
      if Task.isCancelled { throw CancellationError() }
      try commit()
      return result
    } catch {
      try? rollBack()
      throw error
    }
  }

  private func commit() throws {
    let answer = try finish("COMMIT")
    guard answer.result.commandTag == "COMMIT" else {
      throw PostgresError.client(
        "25P02", "the transaction was rolled back: one of its statements had failed")
    }
  }

  /// Ends whatever transaction is open.
  func rollBack() throws {
    if isInTransaction { try finish("ROLLBACK") }
  }
}
