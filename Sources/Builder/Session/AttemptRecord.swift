import BuilderProtocol
import FarmModel

/// What a session knows of one attempt.
struct AttemptRecord: Sendable {
  enum Phase: Sendable, Equatable {
    /// Assigned beyond the free slots: its lease is kept, its work has not begun.
    case waiting
    case running
    /// Told to stop; its end is awaited.
    case cancelling(CancelReason)
    /// Another's now: its end is awaited, then it is dropped.
    case abandoned
    /// Its end is known and waits for `accepted`.
    case finished(Finished)
  }

  /// How many chunks may be on the way without the backend's receipt.
  static let window = 32

  let job: AssignedJob
  let downloadTemplate: String
  var phase = Phase.waiting
  var stage: BuildStage?
  /// When the lease runs out, on this machine's monotonic clock.
  var leaseEnds: ContinuousClock.Instant
  var hasWarnedOfLease = false
  /// The backend has confirmed the lease on this connection.
  var isHeld = true
  /// The log, whole: chunk n has sequence n + 1.
  private(set) var log: [String] = []
  /// The last sequence that was sent on this connection.
  private var sent = 0
  /// The last sequence that the backend has stored.
  private var stored = 0
  /// Whether `finished` was sent on this connection.
  private var isFinishSent = false

  init(job: AssignedJob, downloadTemplate: String, now: ContinuousClock.Instant) {
    self.job = job
    self.downloadTemplate = downloadTemplate
    leaseEnds = now + .seconds(job.leaseSeconds)
  }

  /// Whether a child works on it.
  var usesSlot: Bool {
    switch phase {
    case .running, .cancelling, .abandoned: true
    case .waiting, .finished: false
    }
  }

  /// Whether its lease is to be kept.
  var isAlive: Bool { phase != .abandoned }

  mutating func append(_ text: String) { log.append(text) }

  mutating func received(sequence: Int) { stored = max(stored, min(sequence, log.count)) }

  /// A new connection: what comes after the last stored chunk is to be sent again.
  mutating func resumed(lastSequence: Int) {
    isHeld = true
    stored = max(0, min(lastSequence, log.count))
    sent = stored
    isFinishSent = false
  }

  /// What may be sent now: chunks within the window, and behind the last one the end.
  mutating func messagesToSend() -> [BuilderMessage] {
    guard isHeld, isAlive else { return [] }
    var messages: [BuilderMessage] = []
    while sent < log.count, sent - stored < Self.window {
      sent += 1
      messages.append(
        .log(
          LogChunk(job: job.job, attempt: job.attempt, sequence: sent, text: log[sent - 1])))
    }
    if case .finished(let finished) = phase, sent == log.count, !isFinishSent {
      isFinishSent = true
      messages.append(.finished(finished))
    }
    return messages
  }
}
