public import BuilderProtocol
public import FarmModel
public import WebSockets

/// The builder's side of a conversation.
public final class SimulatedSession {
  /// The connection, to send on from several tasks at once.
  public let socket: WebSocket
  private var messages: WebSocketMessages.AsyncIterator

  public init(_ socket: WebSocket, _ messages: WebSocketMessages) {
    self.socket = socket
    self.messages = messages.makeAsyncIterator()
  }

  public func send(_ message: BuilderMessage) async throws {
    try await socket.send(message.encoded())
  }

  public func send(text: String) async throws { try await socket.send(text) }

  /// The next message.
  /// - Throws: `WebSocketError` where the backend has closed with an error code,
  ///   ``SimulationError/ended`` where it has closed without.
  public func next() async throws -> BackendMessage {
    guard case .text(let text) = try await messages.next() else { throw SimulationError.ended }
    return try BackendMessage(decoding: text)
  }

  /// How the backend has closed the connection.
  public func closing() async throws -> WebSocketError? {
    do {
      while true { _ = try await next() }
    } catch let error as WebSocketError {
      return error
    }
  }

  /// The first of the next jobs that are assigned; other messages before it are passed over.
  public func assigned() async throws -> AssignedJob {
    while true {
      if case .assign(let assign) = try await next(), let job = assign.jobs.first { return job }
    }
  }

  /// Says how an attempt ended.
  /// - Returns: What the backend says about it.
  public func finish(
    _ job: AssignedJob, _ outcome: AttemptOutcome, report: BuildReport? = nil
  ) async throws -> BackendMessage {
    try await send(
      .finished(Finished(job: job.job, attempt: job.attempt, outcome: outcome, report: report)))
    while true {
      switch try await next() {
      case .renewed, .logReceived, .resumed: continue
      case let message: return message
      }
    }
  }

  public func log(_ job: AssignedJob, _ sequence: Int, _ text: String) async throws {
    try await send(
      .log(LogChunk(job: job.job, attempt: job.attempt, sequence: sequence, text: text)))
  }
}
