public import BuilderProtocol
import Cryptography

extension BuilderSession {
  /// A message has come.
  ///
  /// - Parameter now: The monotonic clock that leases are counted on.
  public mutating func received(
    _ message: BackendMessage, at now: ContinuousClock.Instant
  ) -> [BuilderAction] {
    switch (message, phase) {
    case (.challenge(let challenge), .greeting(let origin)): return answer(challenge, origin)
    case (.welcome(let welcome), .proving): return enter(welcome)
    case (.refused(let refused), _): return leave(refused)
    case (.resumed(let resumed), .resuming): return resume(resumed, now)
    case (.assign(let assign), .working): return take(assign, now)
    case (.renewed(let renewed), .working), (.renewed(let renewed), .resuming):
      return renew(renewed, now)
    case (.logReceived(let receipt), .working):
      let reference = AttemptReference(job: receipt.job, attempt: receipt.attempt)
      attempts[reference]?.received(sequence: receipt.sequence)
      return pending(reference)
    case (.cancel(let reference), .working), (.cancel(let reference), .resuming):
      return cancel(reference, .byBackend) + settled()
    case (.drain, .working), (.drain, .resuming):
      return setAside()
    case (.accepted(let reference), .working): return accepted(reference)
    case (.stale(let reference), .working), (.stale(let reference), .resuming):
      return lose(reference) + settled()
    case (.error(let error), _): return [.warn("the backend complains: \(error.message)")]
    case (.unknown(let type), _):
      return [.send(.error(ProtocolError(message: "unknown type “\(type)”")))]
    default:
      return [
        .send(.error(ProtocolError(message: "this message does not belong here"))),
        .reconnect(reason: "the backend sent a message out of order"),
      ]
    }
  }

  /// A frame that is no message has come.
  public func receivedMalformed(_ error: MessageDecodingError) -> [BuilderAction] {
    [
      .warn("the backend sent what is no message: \(error)"),
      .send(.error(ProtocolError(message: "\(error)"))),
    ]
  }

  private mutating func answer(_ challenge: Challenge, _ origin: String) -> [BuilderAction] {
    guard let nonce = Hex.decode(challenge.nonce), nonce.count == 32 else {
      return [.reconnect(reason: "the backend's challenge is no 32 bytes of hexadecimal digits")]
    }
    phase = .proving
    let signature = identity.sign(challengeMessage(nonce: nonce, origin: origin))
    let answer = Authenticate(signature: Hex.encode(signature), origin: origin)
    return [.send(.authenticate(answer))]
  }

  private mutating func enter(_ welcome: Welcome) -> [BuilderAction] {
    guard supportedProtocolVersions.contains(welcome.protocolVersion) else {
      let message = """
        the backend wants protocol version \(welcome.protocolVersion), this builder speaks \
        \(supportedProtocolVersions): upgrade the builder
        """
      return [.stop(.refused(.protocolVersion, message: message))]
    }
    heartbeat = .seconds(max(1, welcome.heartbeatSeconds))
    var actions: [BuilderAction] = [
      .note("connected as “\(name)”, session \(welcome.session)"),
      .send(.capabilities(capabilities)), .scheduleHeartbeat(after: heartbeat),
    ]
    let alive = order.filter { attempts[$0]?.isAlive == true }
    phase = alive.isEmpty ? .working : .resuming
    if !alive.isEmpty { actions.append(.send(.resume(Heartbeat(attempts: alive)))) }
    return actions + settled()
  }

  private func leave(_ refused: Refused) -> [BuilderAction] {
    switch refused.reason {
    case .pending, .unavailable: [.reconnect(reason: refused.message)]
    case .protocolVersion, .authentication, .disabled, .replaced:
      [.stop(.refused(refused.reason, message: refused.message))]
    }
  }

  private mutating func resume(
    _ resumed: Resumed, _ now: ContinuousClock.Instant
  ) -> [BuilderAction] {
    phase = .working
    let held = Dictionary(
      resumed.held.map { ($0.reference, $0.lastSequence) }, uniquingKeysWith: max)
    var actions: [BuilderAction] = []
    for reference in order where attempts[reference]?.isAlive == true {
      guard let lastSequence = held[reference] else {
        actions += lose(reference)
        continue
      }
      attempts[reference]?.resumed(lastSequence: lastSequence)
      extendLease(reference, resumed.leaseSeconds, now)
      if let stage = attempts[reference]?.stage { actions.append(progress(reference, stage)) }
      actions += pending(reference)
    }
    return actions + settled()
  }

  private mutating func take(_ assign: Assign, _ now: ContinuousClock.Instant) -> [BuilderAction] {
    var actions: [BuilderAction] = []
    for job in assign.jobs {
      guard attempts[job.reference] == nil else {
        actions.append(.warn("\(job.reference.text): assigned a second time, ignored"))
        continue
      }
      attempts[job.reference] = AttemptRecord(
        job: job, downloadTemplate: assign.registry.downloadTemplate, now: now)
      order.append(job.reference)
      // The backend counts what it assigns against the last `ready`.
      announcedSlots = announcedSlots.map { max(0, $0 - 1) }
    }
    return actions + settled()
  }

  private mutating func renew(
    _ renewed: Renewed, _ now: ContinuousClock.Instant
  ) -> [BuilderAction] {
    guard !askedRenewals.isEmpty else { return [] }
    let asked = askedRenewals.removeFirst()
    let held = Set(renewed.attempts)
    var actions: [BuilderAction] = []
    for reference in asked {
      if held.contains(reference) {
        extendLease(reference, renewed.leaseSeconds, now)
      } else if attempts[reference]?.awaitsAnswer == false {
        // One whose `finished` is on the way is answered by `accepted` or `stale`.
        actions += lose(reference)
      }
    }
    return actions + settled()
  }

  private mutating func extendLease(
    _ reference: AttemptReference, _ seconds: Int, _ now: ContinuousClock.Instant
  ) {
    attempts[reference]?.leaseEnds = now + .seconds(seconds)
    attempts[reference]?.hasWarnedOfLease = false
  }

  private mutating func accepted(_ reference: AttemptReference) -> [BuilderAction] {
    guard case .finished? = attempts[reference]?.phase else { return [] }
    remove(reference)
    return settled()
  }

  /// The lease is another's: stop and forget.
  private mutating func lose(_ reference: AttemptReference) -> [BuilderAction] {
    guard let record = attempts[reference], record.isAlive else { return [] }
    let note = BuilderAction.warn("\(reference.text): the lease is lost; its work is dropped")
    guard record.usesSlot else {
      remove(reference)
      return [note]
    }
    attempts[reference]?.phase = .abandoned
    return [note, .abandon(reference)]
  }
}

extension AttemptRecord {
  /// Whether its end waits for `accepted` or `stale`.
  var awaitsAnswer: Bool { if case .finished = phase { true } else { false } }
}

extension AttemptReference {
  /// For people: `job 12, attempt 1`.
  var text: String { "job \(job), attempt \(attempt)" }
}
