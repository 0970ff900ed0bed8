/// An answer whose body is read while it arrives, by one task.
///
/// The server is slowed down when the reader takes nothing. Dropping the stream ends the request.
public final class TransferStream: AsyncSequence, Sendable {
  public typealias Element = [UInt8]
  public typealias Failure = TransferError

  /// The HTTP status.
  public let status: Int
  /// The header fields.
  public let headers: TransferHeaders

  private let operation: Operation
  private let buffer: StreamBuffer
  private let engine: Engine
  /// Keeps the client, whose end would end this stream.
  private let client: TransferClient

  init(
    head: TransferResponse, operation: Operation, buffer: StreamBuffer, engine: Engine,
    client: TransferClient
  ) {
    status = head.status
    headers = head.headers
    self.operation = operation
    self.buffer = buffer
    self.engine = engine
    self.client = client
  }

  deinit { engine.cancel(operation) }

  /// Whether the status is 2xx.
  public var isSuccess: Bool { (200..<300).contains(status) }

  /// Ends the request; a reader gets `cancelled`.
  public func cancel() { engine.cancel(operation) }

  /// Reads the chunks as they arrive. All iterators of a stream share one position.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(stream: self) }

  /// The position in the stream.
  public struct AsyncIterator: AsyncIteratorProtocol {
    let stream: TransferStream

    /// The next bytes, never empty, or nil at the end.
    public mutating func next() async throws(TransferError) -> [UInt8]? {
      try await stream.next()
    }

    /// The next bytes, never empty, or nil at the end.
    public mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(TransferError) -> [UInt8]? {
      try await stream.next()
    }
  }

  /// The rest of the body, at most `limit` bytes; throws `tooLarge` when there is more.
  public func collect(limit: Int) async throws(TransferError) -> [UInt8] {
    var body: [UInt8] = []
    while let chunk = try await next() {
      guard body.count + chunk.count <= limit else {
        cancel()
        throw TransferError(.tooLarge(limit: limit), of: operation.request)
      }
      body += chunk
    }
    return body
  }

  private func next() async throws(TransferError) -> [UInt8]? {
    let item = await withTaskCancellationHandler {
      await buffer.next(request: operation.request) { engine.resume(operation) }
    } onCancel: {
      engine.cancel(operation)
    }
    return try item.get()
  }
}
