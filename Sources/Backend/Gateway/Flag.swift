import Synchronization

/// A flag that several tasks may raise.
final class Flag: Sendable {
  private let isRaised = Mutex(false)

  /// Whether this call has raised it.
  func raise() -> Bool {
    isRaised.withLock { isRaised in
      defer { isRaised = true }
      return !isRaised
    }
  }

  func lower() { isRaised.withLock { $0 = false } }
}
