import CPostgres

extension Session {
  /// Sends `chunks` to a `COPY … FROM STDIN`.
  func copyIn(_ sql: String, chunks: some Sequence<[UInt8]>) throws -> Int {
    try beginCopy(sql)
    do {
      for chunk in chunks {
        try checkCancellation()
        try send(chunk)
      }
    } catch {
      // The server answers with an error, which is only the echo of ours.
      PQputCopyEnd(connection, "the client gave up")
      _ = try? lastResult(interruptible: false)
      throw error
    }
    try check(PQputCopyEnd(connection, nil))
    return try lastResult().affectedRows
  }

  private func beginCopy(_ sql: String) throws {
    try checkCancellation()
    try check(PQsendQuery(connection, sql))
    var wait = ResultWait(connection: connection, interruptible: true)
    guard let first = wait.next() else { throw lost() }
    let status = PQresultStatus(first)
    if status == PGRES_COPY_IN {
      PQclear(first)
      return
    }
    defer { PQclear(first) }
    _ = try? lastResult(interruptible: false)
    if wait.wasInterrupted, status == PGRES_FATAL_ERROR { throw CancellationError() }
    guard status == PGRES_FATAL_ERROR else {
      throw PostgresError.client("42601", "not a COPY … FROM STDIN")
    }
    throw PostgresError(result: first, connection: connection)
  }

  private func send(_ chunk: [UInt8]) throws {
    guard let count = Int32(exactly: chunk.count) else {
      throw PostgresError.client("54000", "a chunk of \(chunk.count) bytes is too large for COPY")
    }
    let sent = chunk.withUnsafeBytes { bytes in
      PQputCopyData(connection, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), count)
    }
    try check(sent)
  }
}
