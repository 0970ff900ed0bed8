import Blocking
import Logging

/// Does what `PoolState` decides: connects, waits, wakes, closes.
final class PoolLending: Sendable {
  private typealias State = PoolState<PostgresConnection>
  private typealias Turn = CheckedContinuation<State.Answer, Never>

  private struct Shared {
    var pool: State
    var nextWaiter: UInt64 = 0
    var turns: [UInt64: Turn] = [:]
    var closers: [CheckedContinuation<Void, Never>] = []
  }

  private let address: PostgresAddress
  private let applicationName: String
  private let patience: Duration
  private let logger: Logger
  private let backoff = Backoff()
  private let shared: Locked<Shared>

  init(
    address: PostgresAddress, applicationName: String, limit: Int, patience: Duration,
    logger: Logger
  ) {
    self.address = address
    self.applicationName = applicationName
    self.patience = patience
    self.logger = logger
    shared = Locked(Shared(pool: State(limit: limit)))
  }

  /// How many tasks wait for a connection.
  var waitingCount: Int { shared.withLock { $0.pool.waiting.count } }

  // MARK: Borrowing

  func borrow() async throws -> PostgresConnection {
    let deadline = ContinuousClock.now.advanced(by: patience)
    while true {
      try Task.checkCancellation()
      switch await takeTurn() {
      case .use(let connection):
        if await connection.isAlive() { return connection }
        logger.info("a database connection was lost while idle")
        if let connection = try await connect(until: deadline) { return connection }
      case .connect:
        if let connection = try await connect(until: deadline) { return connection }
      case .wait: throw CancellationError()
      case .refused: throw PostgresPoolError.closed
      }
    }
  }

  /// `.wait` is the answer for a task that was cancelled while it waited.
  private func takeTurn() async -> State.Answer {
    let waiter = shared.withLock { shared in
      shared.nextWaiter += 1
      return shared.nextWaiter
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { turn in
        let answer: State.Answer? = shared.withLock { shared in
          let answer = shared.pool.ask(waiter)
          guard case .wait = answer else { return answer }
          // Cancelled before it waited: the handler below has found nobody to wake.
          if Task.isCancelled, shared.pool.stopWaiting(waiter) { return answer }
          shared.turns[waiter] = turn
          return nil
        }
        if let answer { turn.resume(returning: answer) }
      }
    } onCancel: {
      stopWaiting(waiter)
    }
  }

  private func stopWaiting(_ waiter: UInt64) {
    let turn = shared.withLock { shared in
      shared.pool.stopWaiting(waiter) ? shared.turns.removeValue(forKey: waiter) : nil
    }
    turn?.resume(returning: .wait)
  }

  /// Connects in a place that the pool has granted. `nil`: failed, try once more.
  private func connect(
    until deadline: ContinuousClock.Instant
  ) async throws -> PostgresConnection? {
    do {
      let pause = backoff.delay(afterFailures: shared.withLock { $0.pool.failures })
      if pause > .zero { try await Task.sleep(for: pause) }
      let connection = try await PostgresConnection(
        connecting: address, applicationName: applicationName)
      shared.withLock { $0.pool.connected() }
      return connection
    } catch let error as PostgresError {
      wake(shared.withLock { $0.pool.failedToConnect() })
      logger.warning("cannot connect to the database", metadata: ["error": "\(error)"])
      guard error.mayPass, ContinuousClock.now < deadline else { throw error }
      return nil
    } catch {
      wake(shared.withLock { $0.pool.lose() })
      throw error
    }
  }

  // MARK: Giving back

  func settle(_ connection: PostgresConnection, isUsable: Bool) {
    wake(
      shared.withLock { shared in
        isUsable && !shared.pool.isClosed ? shared.pool.giveBack(connection) : shared.pool.lose()
      })
  }

  /// Hands a connection or place on to its next owner, and tells `close` when the last one is back.
  private func wake(_ wake: PoolState<PostgresConnection>.Wake?) {
    let (turn, closers) = shared.withLock { shared in
      let turn = wake.flatMap { shared.turns.removeValue(forKey: $0.waiter) }
      guard shared.pool.isClosed, shared.pool.inUse == 0 else {
        return (turn, [CheckedContinuation<Void, Never>]())
      }
      defer { shared.closers = [] }
      return (turn, shared.closers)
    }
    if let wake { turn?.resume(returning: wake.answer) }
    for closer in closers { closer.resume() }
  }

  func close() async {
    let (idle, turns) = shared.withLock { shared in
      let (idle, refused) = shared.pool.close()
      return (idle, refused.compactMap { shared.turns.removeValue(forKey: $0) })
    }
    for turn in turns { turn.resume(returning: .refused) }
    for connection in idle { await connection.close() }
    await withCheckedContinuation { closer in
      let isDone = shared.withLock { shared in
        if shared.pool.inUse > 0 { shared.closers.append(closer) }
        return shared.pool.inUse == 0
      }
      if isDone { closer.resume() }
    }
  }
}
