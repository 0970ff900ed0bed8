import Builder
import UnixSignals

/// Runs work that a control can stop; the first Ctrl-C or SIGTERM asks the host to tear down.
/// - Throws: what the work throws.
func cancelledBySignals<Value: Sendable>(
  _ control: HostControl, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    group.addTask {
      for await _ in signals { control.cancel() }
      return nil
    }
    group.addTask { try await work() }
    defer { group.cancelAll() }
    while let end = try await group.next() { if let end { return end } }
    throw CancellationError()
  }
}
