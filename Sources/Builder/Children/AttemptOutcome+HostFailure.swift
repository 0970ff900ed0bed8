import ExecutorKit
public import FarmModel

extension HostFailure {
  /// What a lost child means for the attempt: the builder's fault, so that it is tried elsewhere.
  public var outcome: AttemptOutcome {
    switch kind {
    case .cancelled: .failed(.cancelled, message: "cancelled")
    default: .failed(.infrastructure, message: description)
    }
  }

  /// Whether something of the attempt may be left on the machine.
  var mayLeaveThingsBehind: Bool { kind != .notStarted && kind != .refused }
}
