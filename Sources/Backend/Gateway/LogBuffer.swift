import BuilderProtocol
import Database

/// Pieces of logs that wait to be stored together.
struct LogBuffer {
  /// How long a piece waits at most.
  static let delay = Duration.milliseconds(150)
  /// With so many bytes nothing waits any longer.
  static let limitBytes = 1 << 20

  private(set) var pieces: [LogPiece] = []
  private var bytes = 0

  var isEmpty: Bool { pieces.isEmpty }
  var isFull: Bool { bytes >= Self.limitBytes }

  mutating func append(_ chunk: LogChunk) {
    pieces.append(
      LogPiece(
        job: chunk.job, attempt: chunk.attempt, sequence: chunk.sequence, text: chunk.text))
    bytes += chunk.text.utf8.count
  }

  /// What waits, which is then no longer here.
  mutating func take() -> [LogPiece] {
    defer { self = LogBuffer() }
    return pieces
  }

  /// What a builder is told when these pieces are stored: the last one of each attempt.
  static func receipts(_ pieces: [LogPiece]) -> [LogReceived] {
    var last: [AttemptReference: Int] = [:]
    for piece in pieces {
      let reference = AttemptReference(job: piece.job, attempt: piece.attempt)
      last[reference] = max(last[reference] ?? 0, piece.sequence)
    }
    return last.sorted { ($0.key.job, $0.key.attempt) < ($1.key.job, $1.key.attempt) }
      .map { LogReceived(job: $0.key.job, attempt: $0.key.attempt, sequence: $0.value) }
  }
}
