/// What the server, or libpq before it reached the server, said about a statement or connection.
public struct PostgresError: Error, Sendable, Equatable {
  /// Five characters, PostgreSQL's appendix A; `08006` where the connection broke without a word.
  public let sqlState: String
  /// The severity in English: `ERROR`, `FATAL`, `PANIC`.
  public let severity: String
  /// The primary message. It may quote values of the statement: show `description` instead.
  public let message: String
  /// More about the error, for example the values of a duplicate key: never for logs.
  public let detail: String?
  /// What the server suggests.
  public let hint: String?
  /// The violated constraint.
  public let constraint: String?
  /// Where in the statement's text the error is, in characters from 1.
  public let position: Int?

  /// Makes an error, as a test or a client-side check needs it.
  public init(
    sqlState: String, severity: String = "ERROR", message: String, detail: String? = nil,
    hint: String? = nil, constraint: String? = nil, position: Int? = nil
  ) {
    self.sqlState = sqlState
    self.severity = severity
    self.message = message
    self.detail = detail
    self.hint = hint
    self.constraint = constraint
    self.position = position
  }

  static func client(_ sqlState: String, _ message: String) -> PostgresError {
    PostgresError(sqlState: sqlState, message: message)
  }

  /// A unique or primary key exists already (23505).
  public var isUniqueViolation: Bool { sqlState == "23505" }

  /// The connection could not be made or was lost: class 08, a server that stops (57P01, 57P02)
  /// or still starts (57P03).
  public var isConnectionFailure: Bool {
    sqlState.hasPrefix("08") || ["57P01", "57P02", "57P03"].contains(sqlState)
  }

  /// Connecting may succeed later: the server is away, or has too many clients (53300).
  var mayPass: Bool { isConnectionFailure || sqlState == "53300" }

  /// The whole transaction may succeed when it is tried again (40001, 40P01).
  public var isSerializationFailure: Bool { sqlState == "40001" || sqlState == "40P01" }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
  /// Severity, SQLSTATE, message, hint and constraint; without `detail`, and without the values
  /// that messages of class 22 (data exceptions) quote.
  public var description: String {
    var text = "\(severity) \(sqlState): \(safeMessage)"
    if let constraint, !safeMessage.contains(constraint) { text += " (constraint \(constraint))" }
    if let position { text += " (at character \(position))" }
    if let hint { text += ". \(hint)" }
    return text
  }

  /// The same: what is logged by `String(reflecting:)` holds no values either.
  public var debugDescription: String { description }

  private var safeMessage: String {
    guard sqlState.hasPrefix("22") else { return message }
    let parts = message.split(separator: "\"", omittingEmptySubsequences: false)
    guard let first = parts.first, let last = parts.last, parts.count > 2 else { return message }
    return first + "\"…\"" + last
  }
}
