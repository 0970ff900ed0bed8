import BuilderProtocol
import ExecutorKit
import FarmModel

extension CancelReason {
  /// What the backend is told.
  var outcome: AttemptOutcome {
    switch self {
    case .byBackend: .failed(.cancelled, message: "cancelled while it was being built")
    case .builderStops:
      .failed(.leaseLost, message: "the builder was stopped while it worked on this")
    }
  }
}

extension AttemptOutcome {
  /// What the backend is told of an attempt whose uploads it did not take.
  static let uploadsRefused = AttemptOutcome.failed(
    .leaseLost, message: "the backend took no more uploads of this attempt")
}

extension Capabilities {
  /// Whether something differs that a scheduler would care for: free disk space by more than a
  /// tenth, anything else at all.
  func differs(from other: Capabilities) -> Bool {
    var mine = self
    mine.diskBytes = other.diskBytes
    return mine != other || abs(diskBytes - other.diskBytes) > diskBytes / 10
  }
}
