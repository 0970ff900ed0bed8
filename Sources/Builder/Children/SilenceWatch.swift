import Synchronization

/// Notices when nothing has been heard for too long.
final class SilenceWatch: Sendable {
  private let limit: Duration
  private let last = Mutex(ContinuousClock.now)
  private let fired = Flag()

  init(limit: Duration) { self.limit = limit }

  var hasFired: Bool { fired.isRaised }

  func heard() { last.withLock { $0 = .now } }

  /// Returns when the limit has passed without ``heard()``, or when the task is cancelled.
  func waitForSilence() async {
    while !Task.isCancelled {
      let due = last.withLock { $0 } + limit
      if due <= .now {
        fired.raise()
        return
      }
      try? await Task.sleep(until: due, clock: .continuous)
    }
  }
}

/// Something that happens once.
final class Flag: Sendable {
  private let value = Atomic(false)
  var isRaised: Bool { value.load(ordering: .acquiring) }
  func raise() { value.store(true, ordering: .releasing) }
}
