import Glibc

/// One connection to PostgreSQL, an actor on a thread of its own: its calls block that thread and
/// never the cooperative pool.
///
/// Statements are isolated and synchronous, so that a whole transaction runs as one closure without
/// leaving the thread (`withConnection`, `transaction`). When the task is cancelled, a running
/// statement is cancelled on the server within about 50 ms and throws `CancellationError`; the
/// connection stays usable.
public actor PostgresConnection {
  /// Where the connection leads.
  public nonisolated let address: PostgresAddress
  private nonisolated let executor: ThreadExecutor
  /// `nil` after `close`.
  private var session: Session?
  private var arrived: [PostgresNotification] = []
  private var waiters: [CheckedContinuation<Void, Never>] = []

  /// Isolation is this connection's own thread.
  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Connects within the address's `connect_timeout` (5 s when it has none).
  ///
  /// - Parameter applicationName: what `pg_stat_activity` shows, unless the address says otherwise.
  /// - Throws: `PostgresError`: 08001 when the server cannot be reached, 57P03 when it is starting
  ///   or stopping, 28P01 or 28000 for a refused login, 3D000 for a missing database;
  ///   `CancellationError`.
  public init(connecting address: PostgresAddress, applicationName: String = "builds.rs")
    async throws
  {
    self.address = address
    executor = try ThreadExecutor(name: "postgres")
    // Isolated from here on: an asynchronous initialiser moves to its actor once all is set.
    try open(address, applicationName: applicationName)
  }

  // Not `isolated deinit`: optimised builds of 6.3.1 fail on it in a public actor.
  deinit {
    executor.stop { [session] in withExtendedLifetime(session) {} }
  }

  private func open(_ address: PostgresAddress, applicationName: String) throws {
    session = try Session.open(address, applicationName: applicationName)
  }

  /// Ends the connection; later statements throw 08003. Closing twice is allowed.
  public func close() {
    executor.unwatch()
    session = nil
    wakeWaiters()
  }

  /// Whether the connection was lost or closed: it never works again.
  public var isBroken: Bool { session?.isBroken ?? true }

  /// Whether a transaction is open, in order or failed.
  public var isInTransaction: Bool { session.map { !$0.isIdle && !$0.isBroken } ?? false }

  func isAlive() -> Bool { session?.isAlive() ?? false }

  private func live() throws -> Session {
    guard let session else { throw PostgresError.client("08003", "the connection is closed") }
    return session
  }

  /// Runs `body` with this connection, and takes in notifications that have come meanwhile.
  private func using<Result>(_ body: (Session) throws -> Result) throws -> Result {
    let session = try live()
    defer { collect(session.drainNotifications()) }
    return try body(session)
  }

  // MARK: Statements

  /// Runs one statement with its parameters `$1`, `$2`, …; prepared on first use and kept, at most
  /// 256 a connection.
  ///
  /// - Throws: `PostgresError`; `CancellationError`.
  @discardableResult
  public func query(_ sql: String, _ parameters: [PostgresValue] = []) throws -> PostgresRows {
    try using { try $0.query(sql, parameters) }
  }

  /// Runs statements separated by semicolons, without parameters; all or none of them, unless they
  /// contain transaction commands.
  ///
  /// - Throws: `PostgresError`; `CancellationError`.
  public func execute(_ sql: String) throws {
    try using { _ = try $0.execute(sql) }
  }

  /// Runs a statement that must not be cut short: COMMIT, ROLLBACK, unlocking.
  @discardableResult
  func finish(_ sql: String) throws -> PostgresRows {
    try using { try $0.execute(sql, interruptible: false) }
  }

  /// Runs `COPY … FROM STDIN` with data in the statement's format; chunks may end anywhere.
  /// Nothing is copied when `chunks` or the server fails, or the task is cancelled.
  ///
  /// - Returns: how many rows were copied.
  /// - Throws: `PostgresError`; `CancellationError`.
  @discardableResult
  public func copyIn(_ sql: String, chunks: some Sequence<[UInt8]>) throws -> Int {
    try using { try $0.copyIn(sql, chunks: chunks) }
  }

  /// Prepares a statement, as `query` does before it runs it.
  ///
  /// - Throws: `PostgresError` when the server refuses it.
  public func prepare(_ sql: String) throws {
    try using { _ = try $0.prepare(sql) }
  }

  /// Runs `body` on this connection's thread, without leaving it in between.
  @discardableResult
  public func run<Result: Sendable>(
    _ body: @Sendable (isolated PostgresConnection) throws -> Result
  ) throws -> Result {
    try body(self)
  }

  // MARK: Notifications

  /// Begins to receive what is sent to `channel` (case matters), until the connection ends.
  ///
  /// - Throws: `PostgresError`; `CancellationError`.
  public func listen(_ channel: String) throws {
    try execute("LISTEN \(quotedIdentifier(channel))")
  }

  /// The next notification on the channels that `listen` has named; waits for it, without limit,
  /// while other statements may run.
  ///
  /// - Throws: `PostgresError` when the connection is lost or closed; `CancellationError`.
  public func nextNotification() async throws -> PostgresNotification {
    while true {
      try Task.checkCancellation()
      let session = try live()
      collect(session.drainNotifications())
      if !arrived.isEmpty { return arrived.removeFirst() }
      if session.isBroken { throw session.lost() }
      executor.watch(session.descriptor) { [weak self] in
        self?.assumeIsolated { $0.descriptorBecameReadable() }
      }
      await withTaskCancellationHandler {
        await withCheckedContinuation { waiters.append($0) }
      } onCancel: {
        executor.nudge()
      }
    }
  }

  private func descriptorBecameReadable() {
    guard let session else { return }
    collect(session.drainNotifications())
    wakeWaiters()
  }

  private func collect(_ notifications: [PostgresNotification]) {
    guard !notifications.isEmpty else { return }
    arrived += notifications
    wakeWaiters()
  }

  /// Every waiter looks again; the last one to stop waiting leaves the descriptor unwatched.
  private func wakeWaiters() {
    let woken = waiters
    waiters = []
    if session != nil { executor.unwatch() }
    for waiter in woken { waiter.resume() }
  }
}

/// What somebody has sent by NOTIFY or `pg_notify`.
public struct PostgresNotification: Sendable, Equatable {
  /// The channel's name.
  public let channel: String
  /// The text sent along; empty when there was none.
  public let payload: String

  /// Makes a notification, for tests.
  public init(channel: String, payload: String) {
    self.channel = channel
    self.payload = payload
  }
}

/// A name for SQL text, quoted by the rules of the documentation, 4.1.1.
public func quotedIdentifier(_ name: String) -> String {
  "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
    + "\""
}
