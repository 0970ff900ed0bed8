import CPostgres
import Glibc

/// Reads the results of a statement from the server, and cancels it there when the task that waits
/// is cancelled. The same thread cancels and reads, so that the request can only hit this statement.
struct ResultWait {
  let connection: OpaquePointer
  let interruptible: Bool
  /// When cancelling was asked for.
  private var interruptedAt: ContinuousClock.Instant?

  /// How often a running statement looks whether its task was cancelled.
  private static let interval: Int32 = 50
  /// How long the server may take to cancel before the connection is given up.
  private static let patience: Duration = .seconds(10)

  init(connection: OpaquePointer, interruptible: Bool) {
    self.connection = connection
    self.interruptible = interruptible
  }

  var wasInterrupted: Bool { interruptedAt != nil }

  /// The next result, which the caller must free; `nil` after the last one.
  /// When the server does not even cancel, the connection is shut, and its error is the result.
  mutating func next() -> OpaquePointer? {
    while PQisBusy(connection) == 1 {
      var socket = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
      if poll(&socket, 1, interruptible ? Self.interval : -1) > 0 {
        if PQconsumeInput(connection) == 0 { break }
      } else if interruptible, Task.isCancelled {
        interrupt()
      }
    }
    return PQgetResult(connection)
  }

  private mutating func interrupt() {
    if let interruptedAt {
      if ContinuousClock.now >= interruptedAt.advanced(by: Self.patience) {
        shutdown(PQsocket(connection), Int32(SHUT_RDWR))
      }
      return
    }
    interruptedAt = .now
    guard let request = PQgetCancel(connection) else { return }
    defer { PQfreeCancel(request) }
    var reason = [CChar](repeating: 0, count: 256)
    _ = PQcancel(request, &reason, Int32(reason.count))
  }
}

/// What to do with a result of libpq.
enum ResultKind {
  case rows, copyIn, copyOut, failure

  init(_ result: OpaquePointer) {
    switch PQresultStatus(result) {
    case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: self = .rows
    case PGRES_COPY_IN: self = .copyIn
    case PGRES_COPY_OUT, PGRES_COPY_BOTH: self = .copyOut
    default: self = .failure
    }
  }
}

extension PostgresError {
  /// The fields of a failed result (documentation, 55.8 Error and Notice Message Fields).
  init(result: OpaquePointer, connection: OpaquePointer) {
    func field(_ code: Unicode.Scalar) -> String? {
      PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
    }
    self.init(
      sqlState: field("C") ?? (PQstatus(connection) == CONNECTION_BAD ? "08006" : "XX000"),
      severity: field("V") ?? "FATAL",
      message: field("M") ?? trimmed(String(cString: PQresultErrorMessage(result))),
      detail: field("D"), hint: field("H"), constraint: field("n"),
      position: field("P").flatMap { Int($0) })
  }
}
