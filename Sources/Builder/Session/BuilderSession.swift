public import BuilderProtocol
import Cryptography
public import FarmModel

/// What a builder is to do, decided from what it hears: no I/O, no clock of its own.
///
/// One session lasts for the builder's whole life, over many connections: attempts survive them. A
/// connection goes hello → challenge → authenticate → welcome → capabilities → (resume when attempts
/// are alive) → ready; then assign, log, heartbeat, finished.
public struct BuilderSession: Sendable {
  /// How far the present connection has come.
  enum Phase: Sendable, Equatable {
    case offline
    /// `hello` is sent; the backend's challenge is awaited.
    case greeting(origin: String)
    /// The signature is sent; `welcome` is awaited.
    case proving
    /// In, but which attempts are still held is not known yet.
    case resuming
    case working
  }

  let identity: BuilderIdentity
  let name: String
  let version: String
  let enrolmentToken: String?
  var phase = Phase.offline
  var capabilities: Capabilities
  var attempts: [AttemptReference: AttemptRecord] = [:]
  /// The attempts in the order of their assignment, for those that wait.
  var order: [AttemptReference] = []
  /// What each heartbeat asked for that has not been answered.
  var askedRenewals: [[AttemptReference]] = []
  var heartbeat: Duration = .seconds(15)
  /// No new jobs: ends when idle.
  var isDraining = false
  /// No new jobs on this connection, by an operator's wish: stays when idle.
  var isSetAside = false
  /// Tells this program's own older connections from another program with the same key.
  let instance: String
  /// The last `ready` on this connection.
  var announcedSlots: Int?

  /// - Parameters:
  ///   - name: The builder's name, for people.
  ///   - version: The builder program's version.
  ///   - enrolmentToken: A one-use invitation; nil: the key is known or waits for approval.
  ///   - instance: A text of this run of the program alone; nil: a random one.
  public init(
    identity: BuilderIdentity, name: String, version: String, enrolmentToken: String? = nil,
    instance: String? = nil, capabilities: Capabilities
  ) {
    self.identity = identity
    self.name = name
    self.version = version
    self.enrolmentToken = enrolmentToken
    self.instance = instance ?? Random.token(bytes: 16)
    self.capabilities = capabilities
  }

  /// Whether nothing is being worked on or waits to be accepted.
  public var isIdle: Bool { attempts.isEmpty }

  /// The attempts whose leftovers on the machine must stay.
  public var alive: [AttemptReference] { order.filter { attempts[$0]?.usesSlot == true } }

  // MARK: The connection

  /// A connection is open.
  public mutating func connected(origin: String) -> [BuilderAction] {
    phase = .greeting(origin: origin)
    announcedSlots = nil
    isSetAside = false
    askedRenewals = []
    for reference in order { attempts[reference]?.isHeld = false }
    let hello = Hello(
      protocolRange: [supportedProtocolVersions.lowerBound, supportedProtocolVersions.upperBound],
      name: name, publicKey: identity.publicKeyText, version: version,
      enrolmentToken: enrolmentToken, instance: instance)
    return [.send(.hello(hello))]
  }

  /// The connection is gone: attempts go on.
  public mutating func connectionLost() -> [BuilderAction] {
    phase = .offline
    for reference in order { attempts[reference]?.isHeld = false }
    return isDraining && isIdle ? [.stop(.drained)] : []
  }

  /// Time for a heartbeat. Call it when ``BuilderAction/scheduleHeartbeat(after:)`` says so, on the
  /// same connection.
  public mutating func heartbeatDue(at now: ContinuousClock.Instant) -> [BuilderAction] {
    guard phase == .working || phase == .resuming else { return [] }
    let references = order.filter { attempts[$0]?.isAlive == true && attempts[$0]?.isHeld == true }
    askedRenewals.append(references)
    return [
      .send(.heartbeat(Heartbeat(attempts: references))), .scheduleHeartbeat(after: heartbeat),
    ] + leaseWarnings(at: now)
  }

  /// Notes leases that have run out without renewal. The work goes on: nobody may have claimed it.
  public mutating func leaseWarnings(at now: ContinuousClock.Instant) -> [BuilderAction] {
    var actions: [BuilderAction] = []
    for reference in order {
      guard let record = attempts[reference], record.isAlive, !record.hasWarnedOfLease,
        record.leaseEnds <= now
      else { continue }
      attempts[reference]?.hasWarnedOfLease = true
      actions.append(
        .warn("\(reference.text): the lease has run out without renewal; the work goes on"))
    }
    return actions
  }

  // MARK: The machine

  /// A probe has come to an end. Sent on only where something changed that matters.
  public mutating func probed(_ new: Capabilities) -> [BuilderAction] {
    let isWorthSending = capabilities.differs(from: new)
    guard isWorthSending else { return [] }
    capabilities = new
    guard phase == .working || phase == .resuming else { return [] }
    return [.send(.capabilities(new))]
  }

  /// Stop asking for jobs; end when the last attempt is done.
  public mutating func drain() -> [BuilderAction] {
    guard !isDraining else { return [] }
    isDraining = true
    return settled()
  }

  /// The backend's operator wants no more jobs to go to this builder, until the backend ends the connection.
  mutating func setAside() -> [BuilderAction] {
    guard !isSetAside else { return [] }
    isSetAside = true
    let note = BuilderAction.note(
      "an operator drains this builder: no new jobs until `buildsrs builders drain --off`")
    return [note] + settled()
  }

  /// Stop all work now; another builder shall do it.
  public mutating func cancelAll() -> [BuilderAction] {
    isDraining = true
    var actions: [BuilderAction] = []
    for reference in order { actions += cancel(reference, .builderStops) }
    return actions + settled()
  }

  // MARK: Attempts

  /// An attempt has begun a stage.
  public mutating func attemptBegan(
    _ stage: BuildStage, of reference: AttemptReference
  ) -> [BuilderAction] {
    guard let record = attempts[reference], record.isAlive else { return [] }
    attempts[reference]?.stage = stage
    return record.isHeld ? [progress(reference, stage)] : []
  }

  /// A chunk of an attempt's log, at most 64 KiB.
  public mutating func attemptLogged(
    _ text: String, of reference: AttemptReference
  ) -> [BuilderAction] {
    guard !text.isEmpty, attempts[reference]?.isAlive == true else { return [] }
    attempts[reference]?.append(text)
    return pending(reference)
  }

  /// An attempt's child and uploads have ended.
  ///
  /// - Parameter outcome: Nil: the backend refused an upload, the lease is lost. The backend is told
  ///   nevertheless: it counts the attempt against the builder's slots until it hears of its end.
  public mutating func attemptFinished(
    _ reference: AttemptReference, outcome: AttemptOutcome?, report: BuildReport?
  ) -> [BuilderAction] {
    guard let record = attempts[reference], record.usesSlot else { return [] }
    guard record.phase != .abandoned else {
      remove(reference)
      return settled()
    }
    let outcome = outcome ?? .uploadsRefused
    var finished = Finished(
      job: reference.job, attempt: reference.attempt, outcome: outcome, report: report)
    if case .cancelling(let reason) = record.phase, outcome != .succeeded {
      finished.outcome = reason.outcome
      finished.report = nil
    }
    attempts[reference]?.phase = .finished(finished)
    return pending(reference) + settled()
  }

  // MARK: What the parts share

  func progress(_ reference: AttemptReference, _ stage: BuildStage) -> BuilderAction {
    .send(.progress(Progress(job: reference.job, attempt: reference.attempt, stage: stage)))
  }

  /// What may be sent for an attempt now.
  mutating func pending(_ reference: AttemptReference) -> [BuilderAction] {
    guard phase == .working else { return [] }
    return attempts[reference]?.messagesToSend().map { .send($0) } ?? []
  }

  mutating func cancel(_ reference: AttemptReference, _ reason: CancelReason) -> [BuilderAction] {
    switch attempts[reference]?.phase {
    case .running?:
      attempts[reference]?.phase = .cancelling(reason)
      return [.cancel(reference, reason: reason)]
    case .waiting?:
      attempts[reference]?.phase = .finished(
        Finished(
          job: reference.job, attempt: reference.attempt, outcome: reason.outcome, report: nil))
      return pending(reference)
    default: return []
    }
  }

  mutating func remove(_ reference: AttemptReference) {
    attempts[reference] = nil
    order.removeAll { $0 == reference }
  }

  /// Starts what waits, tells how many slots are free, and ends a drained builder.
  mutating func settled() -> [BuilderAction] {
    var actions: [BuilderAction] = []
    var free = capabilities.slots - attempts.values.count { $0.usesSlot }
    for reference in order where free > 0 {
      guard let record = attempts[reference], record.phase == .waiting else { continue }
      attempts[reference]?.phase = .running
      free -= 1
      actions.append(.start(record.job, downloadTemplate: record.downloadTemplate))
    }
    if isDraining && isIdle { return actions + [.stop(.drained)] }
    let slots = isDraining || isSetAside ? 0 : max(0, free)
    if phase == .working, announcedSlots != slots {
      announcedSlots = slots
      actions.append(.send(.ready(Ready(slots: slots))))
    }
    return actions
  }
}
