import CPostgres
import Glibc

/// One libpq connection, with calls that block: `PostgresConnection` keeps it on its own thread.
///
/// `@unchecked Sendable`: only one thread uses it. The actor that owns it calls it from its
/// executor's thread, and hands it to that thread for good when the actor is gone.
final class Session: @unchecked Sendable {
  let connection: OpaquePointer
  let cache = StatementCache(limit: 256)

  private init(owning connection: OpaquePointer) { self.connection = connection }

  /// Connects within the address's `connect_timeout`, or until the task is cancelled.
  static func open(_ address: PostgresAddress, applicationName: String) throws -> Session {
    let session = Session(
      owning: try Connecting.open(address, applicationName: applicationName))
    // What the decoders of `TextForms.swift` and `TimestampText.swift` read.
    try session.execute(
      "SET DateStyle = 'ISO, MDY'; SET TimeZone = 'UTC'; SET bytea_output = 'hex'; "
        + "SET extra_float_digits = 1")
    return session
  }

  deinit { PQfinish(connection) }

  var isBroken: Bool { PQstatus(connection) != CONNECTION_OK }
  var isIdle: Bool { PQtransactionStatus(connection) == PQTRANS_IDLE }
  var descriptor: Int32 { PQsocket(connection) }

  /// Runs one statement, prepared on first use. A statement that the server has forgotten, or whose
  /// columns a migration has changed, is prepared anew where no transaction is lost by that.
  func query(_ sql: String, _ values: [PostgresValue]) throws -> PostgresRows {
    let parameters = try Parameters(values)
    let mayRetry = isIdle && cache.contains(sql)
    do {
      return try executePrepared(sql, parameters)
    } catch let error as PostgresError where ["26000", "0A000"].contains(error.sqlState) {
      cache.forget(sql)
      guard mayRetry else { throw error }
      return try executePrepared(sql, parameters)
    }
  }

  private func executePrepared(_ sql: String, _ parameters: Parameters) throws -> PostgresRows {
    let name = try prepare(sql)
    try checkCancellation()
    let sent = parameters.withPointers { count, values, lengths, formats in
      PQsendQueryPrepared(connection, name, count, values, lengths, formats, 0)
    }
    try check(sent)
    return try lastResult()
  }

  /// The name of the statement on the server. The oldest one makes room for a new one.
  @discardableResult
  func prepare(_ sql: String) throws -> String {
    if let name = cache.use(sql) { return name }
    try checkText(sql)
    let name = cache.nextName()
    try check(PQsendPrepare(connection, name, sql, 0, nil))
    _ = try lastResult()
    if let oldest = cache.insert(sql, name: name) { try execute("DEALLOCATE \(oldest)") }
    return name
  }

  /// Runs statements separated by semicolons. Unless they begin a transaction themselves, they are
  /// one together.
  @discardableResult
  func execute(_ sql: String, interruptible: Bool = true) throws -> PostgresRows {
    try checkText(sql)
    if interruptible { try checkCancellation() }
    try check(PQsendQuery(connection, sql))
    return try lastResult(interruptible: interruptible)
  }

  /// The last of all results that the server answers, or the first error.
  func lastResult(interruptible: Bool = true) throws -> PostgresRows {
    var last: QueryResult?
    var failure: PostgresError?
    var wait = ResultWait(connection: connection, interruptible: interruptible)
    while let result = wait.next() {
      switch ResultKind(result) {
      case .rows: last = QueryResult(owning: result)
      case .copyIn:
        PQclear(result)
        PQputCopyEnd(connection, "COPY FROM STDIN is only for copyIn")
      case .copyOut:
        PQclear(result)
        discardCopyOut()
        failure = failure ?? .client("0A000", "COPY TO STDOUT is not supported")
      case .failure:
        failure = failure ?? PostgresError(result: result, connection: connection)
        PQclear(result)
      }
    }
    if wait.wasInterrupted, failure?.sqlState == "57014" { throw CancellationError() }
    if let failure { throw failure }
    guard let last else { throw lost() }
    return PostgresRows(result: last)
  }

  private func discardCopyOut() {
    var buffer: UnsafeMutablePointer<CChar>?
    while PQgetCopyData(connection, &buffer, 0) > 0 { PQfreemem(buffer) }
  }

  /// Takes in what the server has sent without being asked, and returns its notifications.
  func drainNotifications() -> [PostgresNotification] {
    PQconsumeInput(connection)
    var notifications: [PostgresNotification] = []
    while let next = PQnotifies(connection) {
      notifications.append(
        PostgresNotification(
          channel: String(cString: next.pointee.relname),
          payload: String(cString: next.pointee.extra)))
      PQfreemem(next)
    }
    return notifications
  }

  /// False when the server has closed this connection while it was idle: its farewell is read first,
  /// then the end of the stream.
  func isAlive() -> Bool {
    var socket = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    while !isBroken, poll(&socket, 1, 0) > 0 { PQconsumeInput(connection) }
    return !isBroken
  }

  func checkCancellation() throws { if Task.isCancelled { throw CancellationError() } }

  func check(_ sent: Int32) throws { if sent != 1 { throw lost() } }

  /// The error for a connection that failed without an answer of the server.
  func lost() -> PostgresError {
    let reason = String(cString: PQerrorMessage(connection))
    return PostgresError(
      sqlState: "08006", severity: "FATAL",
      message: reason.isEmpty ? "the connection to the server was lost" : trimmed(reason))
  }

  private func checkText(_ sql: String) throws {
    if sql.utf8.contains(0) {
      throw PostgresError.client("22021", "the statement contains U+0000")
    }
  }
}

/// Text of libpq without its last line end.
func trimmed(_ text: String) -> String {
  String(text.reversed().drop { $0.isWhitespace }.reversed())
}
