import CPostgres
import Glibc

/// How a libpq connection comes up, on the calling thread.
enum Connecting {
  /// What holds unless the address says otherwise: a peer that vanished is noticed within a minute.
  private static let defaults = [
    "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3",
    "client_encoding": "UTF8",
  ]

  /// - Throws: `PostgresError`, with the server's SQLSTATE where it has answered, else 08001;
  ///   `CancellationError`.
  static func open(_ address: PostgresAddress, applicationName: String) throws -> OpaquePointer {
    var options = defaults.merging(["application_name": applicationName]) { $1 }
    options.merge(address.options) { $1 }
    guard let connection = start(options) else {
      throw PostgresError.client("53200", "out of memory while connecting")
    }
    do {
      try wait(for: connection, within: address.connectTimeout)
    } catch {
      PQfinish(connection)
      throw error
    }
    PQsetNoticeProcessor(connection, { _, _ in }, nil)
    return connection
  }

  private static func start(_ options: [String: String]) -> OpaquePointer? {
    let pairs = Array(options)
    let keys = pairs.map { strdup($0.key) }
    let values = pairs.map { strdup($0.value) }
    defer { for text in keys + values { free(text) } }
    return PQconnectStartParams(
      keys.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 0)
  }

  private static func wait(for connection: OpaquePointer, within limit: Duration) throws {
    let deadline = ContinuousClock.now.advanced(by: limit)
    var wanted = Int16(POLLOUT)
    guard PQstatus(connection) != CONNECTION_BAD else { throw failure(connection) }
    while true {
      try waitUntilReady(PQsocket(connection), wanted, deadline: deadline, limit: limit)
      switch PQconnectPoll(connection) {
      case PGRES_POLLING_OK: return
      case PGRES_POLLING_READING: wanted = Int16(POLLIN)
      case PGRES_POLLING_WRITING: wanted = Int16(POLLOUT)
      default: throw failure(connection)
      }
    }
  }

  /// Looks every 50 ms whether the task was cancelled: this thread cannot be woken by it.
  private static func waitUntilReady(
    _ descriptor: Int32, _ wanted: Int16, deadline: ContinuousClock.Instant, limit: Duration
  ) throws {
    var socket = pollfd(fd: descriptor, events: wanted, revents: 0)
    while poll(&socket, 1, 50) <= 0 {
      if Task.isCancelled { throw CancellationError() }
      if ContinuousClock.now >= deadline {
        throw PostgresError.client("08001", "the server did not answer within \(limit)")
      }
    }
  }

  /// libpq has no field for the SQLSTATE of a refused connection, only the server's words.
  private static func failure(_ connection: OpaquePointer) -> PostgresError {
    let message = trimmed(String(cString: PQerrorMessage(connection)))
    let known = [
      ("the database system is", "57P03"), ("password authentication failed", "28P01"),
      ("does not exist", message.contains("database \"") ? "3D000" : "28000"),
      ("too many clients", "53300"), ("too many connections", "53300"),
      ("remaining connection slots", "53300"), ("no pg_hba.conf entry", "28000"),
      ("authentication failed", "28000"), ("no password supplied", "28P01"),
    ]
    let state = known.first { message.contains($0.0) }?.1 ?? "08001"
    return PostgresError(sqlState: state, severity: "FATAL", message: message)
  }
}
