import ServiceLifecycle
import Synchronization

/// Whether this backend claims jobs: not any more once it is being stopped. Connections are closed after
/// that, and what was claimed for one that is closing would wait until its lease has run out.
///
/// It has to be stopped before the server is.
final class ClaimGate: Service, CustomStringConvertible {
  private let isShut = Mutex(false)

  var description: String { "claims" }

  var isOpen: Bool { isShut.withLock { !$0 } }

  func run() async throws {
    try? await gracefulShutdown()
    isShut.withLock { $0 = true }
  }
}
