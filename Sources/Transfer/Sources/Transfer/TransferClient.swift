/// Sends HTTP requests by libcurl, on one thread of its own; connections are reused.
///
/// All methods end early with `cancelled` when their task is cancelled.
public final class TransferClient: Sendable {
  private let engine: Engine

  /// Starts a client and its thread.
  public init(configuration: TransferConfiguration = .init()) {
    engine = Engine(configuration: configuration)
  }

  deinit { engine.stop() }

  /// Ends everything that is running, and the thread. Later requests fail with `cancelled`.
  public func shutdown() { engine.stop() }

  /// Sends a request and returns the answer with its whole body.
  public func perform(
    _ request: TransferRequest
  ) async throws(TransferError) -> TransferResponse {
    try await run(Operation(request: request, target: .memory))
  }

  /// Sends a request and writes the body of a 2xx answer into a file, which is made or replaced.
  ///
  /// Another answer does not touch the file; its body (up to 64 KiB) is in the response. When the
  /// transfer fails on the way, the file is removed.
  public func download(
    _ request: TransferRequest, to path: String
  ) async throws(TransferError) -> TransferResponse {
    try await run(Operation(request: request, target: .file(path: path)))
  }

  /// Sends a request and returns as soon as the head of the answer is there.
  public func stream(
    _ request: TransferRequest
  ) async throws(TransferError) -> TransferStream {
    let buffer = StreamBuffer()
    let operation = Operation(request: request, target: .stream(buffer))
    let head = try await run(operation)
    return TransferStream(
      head: head, operation: operation, buffer: buffer, engine: engine, client: self)
  }

  private func run(_ operation: Operation) async throws(TransferError) -> TransferResponse {
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        operation.setCaller(continuation)
        engine.start(operation)
      }
    } onCancel: {
      engine.cancel(operation)
    }
    return try outcome.get()
  }
}
