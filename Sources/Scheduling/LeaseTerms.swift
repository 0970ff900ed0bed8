/// How long a lease lasts and how often it is renewed.
public struct LeaseTerms: Sendable, Equatable {
  /// Seconds from claim or renewal to expiry; at least 2.
  public let leaseSeconds: Int
  /// Seconds between a builder's heartbeats: a quarter of the lease, at least 1, so that three may
  /// get lost.
  public let heartbeatSeconds: Int

  public init(leaseSeconds: Int = 60) {
    self.leaseSeconds = max(2, leaseSeconds)
    self.heartbeatSeconds = max(1, self.leaseSeconds / 4)
  }
}

/// When a backend may return expired jobs: only after the database has answered for a full lease
/// period, so that an outage of the database, in which nobody could renew, expires nothing. An answer
/// that comes late, from a database or to a backend that stood still, counts as an outage.
public struct ExpiryGuard: Sendable, Equatable {
  private let leaseSeconds: Double
  private var answeringSince: Double?
  private var lastAnswer: Double?

  public init(terms: LeaseTerms) { leaseSeconds = Double(terms.leaseSeconds) }

  /// The database has answered at this time, in seconds of a monotonic clock.
  public mutating func databaseAnswered(at now: Double) {
    if let lastAnswer, now - lastAnswer > leaseSeconds / 2 { answeringSince = nil }
    lastAnswer = now
    answeringSince = answeringSince ?? now
  }

  /// The database did not answer.
  public mutating func databaseFailed() { (answeringSince, lastAnswer) = (nil, nil) }

  /// Whether expired leases may be returned now.
  public func mayExpire(at now: Double) -> Bool {
    answeringSince.map { now - $0 >= leaseSeconds } ?? false
  }
}
