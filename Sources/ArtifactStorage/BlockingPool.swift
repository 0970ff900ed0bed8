import NIOPosix

/// Threads on which the disk may be waited for; they live as long as the process.
enum BlockingPool {
  /// Enough for several uploads that sync at once; more would only queue at the disk.
  private static let threads: NIOThreadPool = {
    let pool = NIOThreadPool(numberOfThreads: 8)
    pool.start()
    return pool
  }()

  /// Runs a function that may block. A cancelled task's work is done like any other's: half a
  /// publication would be worse than a late one.
  static func run<Value: Sendable>(
    _ work: @escaping @Sendable () throws(StorageError) -> Value
  ) async throws(StorageError) -> Value {
    let result = await withCheckedContinuation { continuation in
      threads.submit { _ in
        continuation.resume(returning: Result<Value, StorageError>(catching: work))
      }
    }
    return try result.get()
  }
}
