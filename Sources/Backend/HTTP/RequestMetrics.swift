import Synchronization

/// How many requests were answered, by status.
final class RequestMetrics: Sendable {
  private let counts = Mutex<[Int: Int]>([:])

  func count(status: Int) { counts.withLock { $0[status, default: 0] += 1 } }

  /// By status code.
  var byStatus: [Int: Int] { counts.withLock { $0 } }
}
