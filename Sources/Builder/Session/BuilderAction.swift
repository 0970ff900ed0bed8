public import BuilderProtocol

/// What a ``BuilderSession`` wants done.
public enum BuilderAction: Sendable, Equatable {
  /// Send it, after all that was sent before.
  case send(BuilderMessage)
  /// Begin with a job.
  case start(AssignedJob, downloadTemplate: String)
  /// Stop the work on an attempt; its end is still reported, as this failure.
  case cancel(AttemptReference, reason: CancelReason)
  /// Stop the work on an attempt; nobody wants to hear of it.
  case abandon(AttemptReference)
  /// Ask for a heartbeat after this time, once.
  case scheduleHeartbeat(after: Duration)
  /// Close this connection and try again, here or at another address.
  case reconnect(reason: String)
  /// Close the connection and end.
  case stop(BuilderEnding)
  /// Tell the operator.
  case note(String)
  /// Tell the operator: something is wrong.
  case warn(String)
}

/// Why an attempt is stopped before its end.
public enum CancelReason: Sendable, Equatable {
  /// The backend does not want it any more.
  case byBackend
  /// This builder stops: another one shall do it.
  case builderStops
}

/// How a builder's life ended.
public enum BuilderEnding: Sendable, Equatable {
  /// Asked to stop by a signal, and idle.
  case drained
  /// The backend will never let this builder in as it is; the text has the remedy.
  case refused(Refused.Reason, message: String)
}
