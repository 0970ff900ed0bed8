import Dispatch

/// Runs what waits for a disk outside of the cooperative thread pool.
enum Blocking {
  private static let queue = DispatchQueue(
    label: "registry-sync", attributes: .concurrent)

  static func run<Value: Sendable, Failure: Error>(
    _ work: @escaping @Sendable () throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: Result(catching: work)) }
    }
    return try result.get()
  }
}
