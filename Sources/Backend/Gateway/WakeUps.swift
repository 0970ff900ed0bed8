import Database
import Logging
import Postgres
import ServiceLifecycle
import Synchronization

/// Wakes the connections of idle builders: one listener a backend, no polling a builder.
///
/// A notification on the channel `jobs` or, because one may be lost, every 5 s (with jitter) makes
/// every connection look for work.
final class WakeUps: Service, CustomStringConvertible {
  private struct Sleepers {
    var next = 0
    var wakers: [Int: @Sendable () -> Void] = [:]
  }

  private let listener: PostgresListener
  private let logger: Logger
  private let interval: Duration
  private let sleepers = Mutex(Sleepers())

  private let requirements: RequirementBook
  private let sessions: SessionBook

  init(
    address: PostgresAddress, requirements: RequirementBook, sessions: SessionBook,
    interval: Duration = .seconds(5), logger: Logger
  ) {
    self.requirements = requirements
    self.sessions = sessions
    self.listener = PostgresListener(address, logger: logger)
    self.interval = interval
    self.logger = logger
  }

  var description: String { "wake-ups of builders" }

  /// How many connections wait for work.
  var count: Int { sleepers.withLock { $0.wakers.count } }

  /// Calls `wake` whenever there may be work, until `remove` is called with the answer.
  func add(_ wake: @escaping @Sendable () -> Void) -> Int {
    sleepers.withLock { sleepers in
      sleepers.next += 1
      sleepers.wakers[sleepers.next] = wake
      return sleepers.next
    }
  }

  func remove(_ number: Int) { sleepers.withLock { _ = $0.wakers.removeValue(forKey: number) } }

  /// Makes every connection look for work.
  func wakeAll() {
    for wake in sleepers.withLock({ Array($0.wakers.values) }) { wake() }
  }

  func run() async throws {
    try await cancelWhenGracefulShutdown {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await self.listen() }
        group.addTask { try await self.poll() }
        do { try await group.next() } catch is CancellationError {}
        group.cancelAll()
      }
    }
  }

  private func listen() async throws {
    while !Task.isCancelled {
      do {
        let channels = [FarmDatabase.jobsChannel, FarmDatabase.buildersChannel]
        for try await event in listener.notifications(on: channels) {
          if case .notification(let news) = event {
            guard news.channel != FarmDatabase.buildersChannel else {
              if let builder = Int64(news.payload) { sessions.tell(builder) }
              continue
            }
          } else {
            // What was said before this backend listened, or listened again, nobody has told it.
            sessions.tellAll()
          }
          if !isKnown(event) { try? await requirements.refresh() }
          wakeAll()
        }
      } catch let error as PostgresError {
        logger.error("cannot listen for jobs, polling goes on: \(error)")
        try await Task.sleep(for: interval)
      }
    }
  }

  /// Whether the jobs that an event tells of have requirements that this backend knows.
  private func isKnown(_ event: PostgresListenerEvent) -> Bool {
    guard case .notification(let news) = event else { return false }
    let numbers = news.payload.split(separator: ",").compactMap { Int64($0) }
    return !numbers.isEmpty && requirements.knows(Set(numbers))
  }

  private func poll() async throws {
    while !Task.isCancelled {
      // While the database is away, what is known will do.
      try? await requirements.refresh()
      wakeAll()
      try await Task.sleep(for: interval * Double.random(in: 0.8...1.2))
    }
  }
}
