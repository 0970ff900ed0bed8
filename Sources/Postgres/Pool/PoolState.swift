/// Who has which connection of a pool, and who is next: decisions only, no connections are made
/// and nobody is woken here.
struct PoolState<Connection: Sendable>: Sendable {
  typealias Waiter = UInt64

  /// What an asker is to do.
  enum Answer: Sendable {
    /// Use this connection, then `giveBack` or `lose` it.
    case use(Connection)
    /// A place is yours: connect, then use it, or `lose` the place.
    case connect
    /// All are in use: wait until `Wake` names you.
    case wait
    /// The pool is closed.
    case refused
  }

  /// Whom to wake after a change, and with which answer.
  struct Wake: Sendable {
    var waiter: Waiter
    var answer: Answer
  }

  let limit: Int
  /// Connections in use and places where one is being made.
  private(set) var inUse = 0
  private(set) var idle: [Connection] = []
  private(set) var waiting: [Waiter] = []
  private(set) var isClosed = false
  /// Failures to connect in a row.
  private(set) var failures = 0

  init(limit: Int) { self.limit = limit }

  /// First come, first served: nobody overtakes those who wait.
  mutating func ask(_ waiter: Waiter) -> Answer {
    if isClosed { return .refused }
    if waiting.isEmpty, let answer = takeFree() { return answer }
    waiting.append(waiter)
    return .wait
  }

  /// The connection that was used last comes first, so that the rest may stay idle.
  private mutating func takeFree() -> Answer? {
    if let connection = idle.popLast() {
      inUse += 1
      return .use(connection)
    }
    guard inUse < limit else { return nil }
    inUse += 1
    return .connect
  }

  /// False when the waiter has been answered already: what it was given must be given back.
  mutating func stopWaiting(_ waiter: Waiter) -> Bool {
    guard let index = waiting.firstIndex(of: waiter) else { return false }
    waiting.remove(at: index)
    return true
  }

  mutating func connected() { failures = 0 }

  mutating func failedToConnect() -> Wake? {
    failures += 1
    return lose()
  }

  /// A connection is free again. In a closed pool the caller closes it instead of giving it back.
  mutating func giveBack(_ connection: Connection) -> Wake? {
    inUse -= 1
    idle.append(connection)
    return wakeNext()
  }

  /// A connection or a place for one is gone.
  mutating func lose() -> Wake? {
    inUse -= 1
    return wakeNext()
  }

  private mutating func wakeNext() -> Wake? {
    guard !isClosed, let next = waiting.first, let answer = takeFree() else { return nil }
    waiting.removeFirst()
    return Wake(waiter: next, answer: answer)
  }

  /// Refuses everybody from now on. Returns what to close and whom to refuse.
  mutating func close() -> (connections: [Connection], refused: [Waiter]) {
    isClosed = true
    defer {
      idle = []
      waiting = []
    }
    return (idle, waiting)
  }
}
