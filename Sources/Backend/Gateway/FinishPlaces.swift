import BuilderProtocol

/// Which of a connection's `finished` are being recorded or published now; pure.
///
/// There are as many places as the builder has slots, and never more than ``most``. One that finds no place
/// waits, and while it waits the connection reads nothing more: a builder that sends faster than its ends
/// can be recorded slows down itself and nobody else.
struct FinishPlaces: Sendable {
  /// How many run at once on one connection, whatever the builder says of its slots.
  static let most = 16

  enum Turn: Sendable, Equatable {
    case begins
    case waits
    /// The same attempt's end is being recorded already.
    case isKnown
  }

  private var running: Set<AttemptReference> = []
  /// At most one: nothing is read behind it.
  private var waiting: Finished?

  /// Whether the next message has to wait.
  var isFull: Bool { waiting != nil }

  /// How many places there are.
  ///
  /// - Parameter slots: of the builder; nil: it has not told them.
  static func places(slots: Int?) -> Int { max(1, min(slots ?? 1, most)) }

  /// A `finished` has come.
  mutating func arrived(_ finished: Finished, places: Int) -> Turn {
    guard !running.contains(finished.reference) else { return .isKnown }
    guard running.count < places else {
      waiting = finished
      return .waits
    }
    running.insert(finished.reference)
    return .begins
  }

  /// An end is recorded, or could not be.
  ///
  /// - Returns: The one that may begin now.
  mutating func ended(_ reference: AttemptReference, places: Int) -> Finished? {
    running.remove(reference)
    guard let next = waiting, running.count < places else { return nil }
    waiting = nil
    running.insert(next.reference)
    return next
  }
}

extension Finished {
  /// The attempt that has ended.
  var reference: AttemptReference { AttemptReference(job: job, attempt: attempt) }
}
