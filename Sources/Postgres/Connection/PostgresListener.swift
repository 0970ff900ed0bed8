public import Logging

/// What a listener has to tell.
public enum PostgresListenerEvent: Sendable, Equatable {
  /// The server is listening from now on; the first element.
  case listening
  /// The connection was lost and is back. Notifications may have been lost in between: look.
  case reconnected
  /// Somebody has sent this.
  case notification(PostgresNotification)
}

/// Receives notifications on a connection of its own, for as long as somebody iterates.
public struct PostgresListener: Sendable {
  private let address: PostgresAddress
  private let applicationName: String
  private let logger: Logger

  /// Opens nothing yet.
  public init(
    _ address: PostgresAddress, applicationName: String = "builds.rs listener",
    logger: Logger = Logger(label: "postgres")
  ) {
    self.address = address
    self.applicationName = applicationName
    self.logger = logger
  }

  /// The notifications on `channels` (case matters), without end. While the server is away it
  /// connects again with pauses that grow to 5 s. Nothing is lost while the consumer is slow: the
  /// server keeps what is not read. Iterating throws nothing but `CancellationError`, and
  /// `PostgresError` for what no waiting mends (a refused login, a missing database).
  public func notifications(on channels: [String]) -> PostgresNotifications {
    PostgresNotifications(
      address: address, channels: channels, applicationName: applicationName, logger: logger)
  }
}

/// An endless sequence of notifications; each iterator has its own connection.
public struct PostgresNotifications: AsyncSequence, Sendable {
  let address: PostgresAddress
  let channels: [String]
  let applicationName: String
  let logger: Logger

  /// An iterator that connects when it is first asked.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(source: self) }

  /// Connects, waits, and connects again.
  public struct AsyncIterator: AsyncIteratorProtocol {
    let source: PostgresNotifications
    private var connection: PostgresConnection?
    private var wasConnected = false
    private let backoff = Backoff()

    init(source: PostgresNotifications) { self.source = source }

    /// The next event.
    ///
    /// - Throws: `CancellationError`; `PostgresError` for what no waiting mends.
    public mutating func next() async throws -> PostgresListenerEvent? {
      try await next(isolation: nil)
    }

    /// The next event.
    ///
    /// - Throws: `CancellationError`; `PostgresError` for what no waiting mends.
    public mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws -> PostgresListenerEvent? {
      if let connection {
        do {
          return .notification(try await connection.nextNotification())
        } catch let error as PostgresError where error.isConnectionFailure {
          source.logger.warning("the listening connection was lost: \(error)")
          self.connection = nil
        }
      }
      connection = try await source.reconnect(backoff)
      defer { wasConnected = true }
      return wasConnected ? .reconnected : .listening
    }
  }

  fileprivate func reconnect(_ backoff: Backoff) async throws -> PostgresConnection {
    var failures = 0
    while true {
      do {
        let connection = try await PostgresConnection(
          connecting: address, applicationName: applicationName)
        try await connection.run { connection in
          for channel in channels { try connection.listen(channel) }
        }
        return connection
      } catch let error as PostgresError where error.mayPass {
        failures += 1
        logger.warning("cannot listen to the database: \(error)")
        try await Task.sleep(for: backoff.delay(afterFailures: failures))
      }
    }
  }
}
