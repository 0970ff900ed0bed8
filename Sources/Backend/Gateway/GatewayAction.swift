import BuilderProtocol

/// What a gateway session wants done; the connection does it, in order.
enum GatewayAction: Sendable, Equatable {
  case send(BackendMessage)
  /// The key is proven: look the builder up, or make it, and give ``GatewaySession`` the answer.
  case register(BuilderIntroduction)
  case storeCapabilities(Capabilities)
  /// There may be free slots: claim jobs as long as ``GatewaySession/claimableSlots`` says so.
  case claim
  case renew([AttemptReference])
  case resume([AttemptReference])
  /// The builder has named what it works on: all else that it had before this connection it has given up.
  case forsake(keeping: Set<AttemptReference>)
  case storeStage(Progress)
  case storeLog(LogChunk)
  case finish(Finished)
  case close(GatewayClosing, reason: String)
}

/// Who a connection belongs to, after its signature was checked.
struct BuilderIntroduction: Sendable, Equatable {
  var name: String
  /// 64 lower-case hexadecimal digits.
  var publicKey: String
  var version: String
  var enrolmentToken: String?
  /// Which run of the builder's program it is; nil: not told.
  var instance: String?
}

/// Why the backend ends a connection: a WebSocket close code (RFC 6455, 7.4.1 and its registry).
enum GatewayClosing: UInt16, Sendable, Equatable {
  /// The backend stops: reconnect, perhaps to another replica.
  case goingAway = 1001
  case protocolError = 1002
  /// The builder is not let in.
  case policyViolation = 1008
  case messageTooLarge = 1009
  /// The database is away: reconnect later.
  case tryAgainLater = 1013
}

/// What the database says about a builder that has proven its key.
enum BuilderStanding: Sendable, Equatable {
  case approved(builder: Int64, isDraining: Bool)
  case pending
  case disabled
  /// Another connection of the builder is newer.
  ///
  /// - isOwn: whether it is of the same run of the builder's program, which has lost this one.
  case replaced(isOwn: Bool)
}
