import ArtifactStorage
import Database
import Hummingbird
import NIOCore
import ServiceLifecycle

/// Reads an attempt's log, wherever it is: in pieces in the database while the attempt runs, whole in
/// storage afterwards.
struct LogReader: Sendable {
  let database: FarmDatabase
  let storage: any ArtifactStore
  let job: Int64
  let attempt: Int32
  /// How often the database is asked for more.
  var interval = Duration.milliseconds(300)
  /// How long a follower hears nothing at most: only a write tells that a client has gone, and
  /// proxies end connections that are silent.
  var longestSilence = Duration.seconds(15)

  /// Writes what there is.
  func write(_ writer: inout any ResponseBodyWriter) async throws {
    var position = Position()
    while let text = try await next(&position) {
      try await writer.write(ByteBuffer(string: text))
    }
    try await writer.finish(nil)
  }

  /// Writes server-sent events: `data` with the log's text as it comes, at last `end` with how the
  /// attempt has ended. While there is nothing to tell, now and then a comment.
  func follow(_ writer: inout any ResponseBodyWriter) async throws {
    var position = Position()
    var lastWrite = ContinuousClock.now
    // A follower must not hold up the end of the server: the client asks again, at another replica.
    while !Task.isShuttingDownGracefully {
      // Asked before the last look at the log, so that nothing that came before the end is missed.
      let result = try await result()
      while let text = try await next(&position) {
        try await writer.write(ByteBuffer(string: ServerSentEvent(data: text).text))
        lastWrite = .now
      }
      if let result {
        try await writer.write(ByteBuffer(string: ServerSentEvent("end", data: result).text))
        break
      }
      if ContinuousClock.now - lastWrite >= longestSilence {
        try await writer.write(ByteBuffer(string: ServerSentEvent.comment))
        lastWrite = .now
      }
      try await Task.sleep(for: interval)
    }
    try await writer.finish(nil)
  }

  /// How far a reader has come.
  struct Position: Sendable {
    var sequence = 0
    var bytes: Int64 = 0
  }

  /// The next text; nil: there is no more now.
  func next(_ position: inout Position) async throws -> String? {
    let pieces = try await database.log(
      job: job, attempt: attempt, after: position.sequence, limit: 100)
    guard let last = pieces.last else { return try await rest(&position) }
    position.sequence = last.sequence
    let text = pieces.map(\.text).joined()
    position.bytes += Int64(text.utf8.count)
    return text
  }

  /// What storage has behind the position, where the log was moved there.
  private func rest(_ position: inout Position) async throws -> String? {
    let stored = try await database.attempts(ofJob: job).first { $0.attempt == attempt }
    guard let stored, let sha256 = stored.logSHA256, position.bytes < stored.logBytes else {
      return nil
    }
    // Pieces end where characters end, so the position does, too.
    let key = try StorageKey.log(sha256: sha256)
    let bytes = try await storage.read(key, range: position.bytes..<stored.logBytes).collect()
    position.bytes = stored.logBytes
    return String(decoding: bytes, as: UTF8.self)
  }

  /// `succeeded` or the failure's class; nil: the attempt runs.
  private func result() async throws -> String? {
    let stored = try await database.attempts(ofJob: job).first { $0.attempt == attempt }
    guard let stored else { return "gone" }
    return stored.failureClass ?? stored.result
  }
}

/// One event of a stream (WHATWG HTML, 9.2 Server-sent events).
struct ServerSentEvent: Sendable {
  /// What clients ignore.
  static let comment = ": nothing new\n\n"

  var event: String?
  var data: String

  init(_ event: String? = nil, data: String) {
    self.event = event
    self.data = data
  }

  /// Every line of the data with its own `data:`; a line ends with LF, CR or both.
  var text: String {
    let lines = data.replacing("\r\n", with: "\n").split(
      omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r" })
    return (event.map { "event: \($0)\n" } ?? "")
      + lines.map { "data: \($0)\n" }.joined() + "\n"
  }
}
