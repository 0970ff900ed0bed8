import Foundation

/// Runs something that blocks (disk, libelf, compression) on a thread of its own, so that the
/// cooperative pool goes on. Cancelling does not interrupt it.
func offPool<Value: Sendable>(
  _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    let thread = Thread { continuation.resume(with: Result(catching: body)) }
    // Deep enough for libraries that recurse; a secondary thread has 512 KiB by default.
    thread.stackSize = 4 << 20
    thread.start()
  }
}
