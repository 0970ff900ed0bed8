import Dispatch

/// Runs what blocks on the disk on a thread of Dispatch's, off the cooperative pool.
func offCooperativePool<Result: Sendable>(
  _ work: @escaping @Sendable () throws -> Result
) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    DispatchQueue.global().async {
      continuation.resume(with: Swift.Result { try work() })
    }
  }
}
