import BuilderProtocol
import ExecutorKit
import Synchronization

/// The fleet's own account of what it was given, did, and was told: what the database is held
/// against at the end.
final class Book: Sendable {
  enum Sent: Sendable, Equatable {
    /// The files by name, with their SHA-256.
    case success([String: String])
    case failure(FailureClass)
  }

  enum Answer: Sendable, Equatable { case accepted, rejected, stale }

  struct Entry: Sendable {
    /// Who was given it.
    var builder: Int
    var isVerification: Bool
    var sent: Sent?
    var answers: [Answer] = []
    /// A heartbeat or `resume` was answered without it.
    var wasLost = false
    /// Its builder has died.
    var isForgotten = false
  }

  private struct State {
    var entries: [AttemptReference: Entry] = [:]
    var order: [AttemptReference] = []
    var counts: [String: Int] = [:]
    var violations: [String] = []
  }

  private let state = Mutex(State())

  var entries: [AttemptReference: Entry] { state.withLock(\.entries) }
  var counts: [String: Int] { state.withLock(\.counts) }
  /// What must never happen, and was seen while it happened.
  var violations: [String] { state.withLock(\.violations) }

  func count(_ what: String, _ more: Int = 1) {
    state.withLock { $0.counts[what, default: 0] += more }
  }

  func violated(_ text: String) { state.withLock { $0.violations.append(text) } }

  /// - Returns: false where it was given to somebody before.
  func assigned(_ job: AssignedJob, to builder: Int) -> Bool {
    state.withLock { state in
      let reference = job.reference
      if let entry = state.entries[reference] {
        state.violations.append(
          "\(reference.text) was assigned twice: to builder \(entry.builder), then to \(builder)")
        return false
      }
      state.entries[reference] = Entry(builder: builder, isVerification: job.isVerification)
      state.order.append(reference)
      state.counts["assigned", default: 0] += 1
      return true
    }
  }

  func sent(_ reference: AttemptReference, _ sent: Sent) {
    state.withLock { $0.entries[reference]?.sent = sent }
  }

  func answered(_ reference: AttemptReference, _ answer: Answer) {
    state.withLock { state in
      state.entries[reference]?.answers.append(answer)
      state.counts["\(answer)", default: 0] += 1
    }
  }

  func lost(_ reference: AttemptReference) {
    state.withLock { state in
      state.entries[reference]?.wasLost = true
      state.counts["lease lost", default: 0] += 1
    }
  }

  func forgotten(_ references: [AttemptReference]) {
    state.withLock { state in
      for reference in references { state.entries[reference]?.isForgotten = true }
      state.counts["forgotten", default: 0] += references.count
    }
  }

  /// Some of the last attempts that belong, or do not belong, to a builder.
  func recent(_ limit: Int, ofBuilder builder: Int, own: Bool) -> [AttemptReference] {
    state.withLock { state in
      state.order.suffix(200).filter { (state.entries[$0]?.builder == builder) == own }
        .suffix(limit)
    }
  }

  func builder(of reference: AttemptReference) -> Int? {
    state.withLock { $0.entries[reference]?.builder }
  }
}

extension AttemptReference {
  var text: String { "job \(job), attempt \(attempt)" }
}
