import Foundation

/// Runs work that blocks (disk, compression, C libraries) on a thread of its own, so that the
/// cooperative pool goes on. Cancelling the task does not interrupt it.
///
/// - Throws: what the work throws.
public func offCooperativePool<Value: Sendable, Failure: Error>(
  _ work: @escaping @Sendable () throws(Failure) -> Value
) async throws(Failure) -> Value {
  let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
    let thread = Thread { continuation.resume(returning: Result(catching: work)) }
    // Deep enough for libraries that recurse; a secondary thread has 512 KiB by default.
    thread.stackSize = 4 << 20
    thread.start()
  }
  return try result.get()
}
