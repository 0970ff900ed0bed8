import BuilderProtocol
import Cryptography
import FarmModel

/// One builder's conversation as a state machine: messages in, actions out, no I/O.
///
/// What needs the database is an action, whose answer comes back by ``registered(_:)``,
/// ``assigned(_:)``, ``renewed(asked:held:)`` and ``ended(_:)``.
struct GatewaySession: Sendable {
  /// What every session of a backend has in common.
  struct Terms: Sendable {
    /// The origins that builders may have dialled.
    var origins: Set<String>
    var leaseSeconds: Int
    var heartbeatSeconds: Int
    /// How long a connection may take to say who it is.
    var introduction = Duration.seconds(20)
  }

  /// Where the conversation is.
  enum Phase: Sendable, Equatable {
    /// Can transition to `expectsSignature` and `ended`.
    case expectsHello
    /// Can transition to `registering` and `ended`.
    case expectsSignature(Hello, protocolVersion: Int)
    /// The database is asked. Can transition to `active` and `ended`.
    case registering(protocolVersion: Int)
    /// Can transition to `ended`.
    case active
    case ended
  }

  private let terms: Terms
  private let nonce: [UInt8]
  private(set) var phase = Phase.expectsHello
  /// The origin that the builder dialled; empty before it has proven its key.
  private(set) var origin = ""
  /// The builder's number in the database; 0 before ``phase`` is `active`.
  private(set) var builder: Int64 = 0
  private(set) var capabilities: Capabilities?
  private(set) var held: Set<AttemptReference> = []
  private var announcedSlots = 0
  private var isDraining = false
  /// Whether the builder has said on this connection what it works on.
  private var hasDeclared = false

  /// - Parameter nonce: 32 random bytes that were never used before.
  init(terms: Terms, nonce: [UInt8]) {
    self.terms = terms
    self.nonce = nonce
  }

  /// How many jobs may be claimed now: what the builder announced, never more than its slots.
  var claimableSlots: Int {
    guard phase == .active, !isDraining, let capabilities else { return 0 }
    return max(0, min(announcedSlots, capabilities.slots - held.count))
  }

  // MARK: Messages

  /// Takes one message in.
  mutating func received(_ message: BuilderMessage) -> [GatewayAction] {
    switch (phase, message) {
    case (.ended, _): []
    case (_, .error), (.active, .unknown), (.active, .hello), (.active, .authenticate):
      answered(message)
    case (.expectsHello, .hello(let hello)): greeted(hello)
    case (.expectsSignature(let hello, let version), .authenticate(let proof)):
      authenticated(hello, version, proof)
    case (.active, _): active(message)
    case (.expectsHello, _): violation("the first message must be “hello”")
    case (.expectsSignature, _): violation("“challenge” must be answered by “authenticate”")
    case (.registering, _): violation("wait for “welcome” before you send more")
    }
  }

  /// A frame that is no message: told, and the connection ends; the builder reconnects.
  mutating func unreadable(_ error: MessageDecodingError) -> [GatewayAction] {
    guard phase != .ended else { return [] }
    if case .tooLarge = error { return end(.messageTooLarge, "\(error)") }
    return end(.protocolError, "\(error)")
  }

  private func answered(_ message: BuilderMessage) -> [GatewayAction] {
    switch message {
    case .unknown(let type):
      [.send(.error(ProtocolError(message: "unknown type “\(type.prefix(64))”: ignored")))]
    case .error: []
    default: [.send(.error(ProtocolError(message: "you are in already: ignored")))]
    }
  }

  private mutating func violation(_ problem: String) -> [GatewayAction] {
    end(.protocolError, problem)
  }

  private mutating func end(_ closing: GatewayClosing, _ reason: String) -> [GatewayAction] {
    phase = .ended
    return [
      .send(.error(ProtocolError(message: reason))), .close(closing, reason: reason),
    ]
  }

  private mutating func refuse(_ reason: Refused.Reason, _ message: String) -> [GatewayAction] {
    phase = .ended
    let closing: GatewayClosing = reason == .unavailable ? .tryAgainLater : .policyViolation
    return [
      .send(.refused(Refused(reason: reason, message: message))), .close(closing, reason: message),
    ]
  }

  // MARK: Letting in

  private mutating func greeted(_ hello: Hello) -> [GatewayAction] {
    let range = hello.protocolRange
    guard range.count == 2, range[0] <= range[1] else {
      return violation("“protocol” must be the lowest and the highest version, such as [1, 1]")
    }
    guard (1...128).contains(hello.name.utf8.count), hello.version.utf8.count <= 64,
      hello.name.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
    else {
      return violation(
        "“name” must have 1 to 128 bytes, none a control character, “version” at most 64")
    }
    guard hello.instance?.utf8.count ?? 0 <= 64 else {
      return violation("“instance” must have at most 64 bytes")
    }
    guard Hex.decode(hello.publicKey)?.count == Ed25519.publicKeyLength else {
      return violation("“public_key” must be 64 hexadecimal digits")
    }
    let version = min(range[1], supportedProtocolVersions.upperBound)
    guard version >= max(range[0], supportedProtocolVersions.lowerBound) else {
      return refuse(
        .protocolVersion,
        "this backend speaks protocol \(supportedProtocolVersions.lowerBound) to "
          + "\(supportedProtocolVersions.upperBound), the builder \(range[0]) to \(range[1]): "
          + "upgrade the older side")
    }
    phase = .expectsSignature(hello, protocolVersion: version)
    return [.send(.challenge(Challenge(nonce: Hex.encode(nonce))))]
  }

  private mutating func authenticated(_ hello: Hello, _ version: Int, _ proof: Authenticate)
    -> [GatewayAction]
  {
    guard terms.origins.contains(proof.origin) else {
      return refuse(
        .authentication,
        "the builder dialled \(proof.origin.prefix(256)), which is no public URL of this farm: "
          + "dial one of \(terms.origins.sorted().joined(separator: ", ")), or add it to "
          + "the backend's public-url")
    }
    let message = challengeMessage(nonce: nonce, origin: proof.origin)
    guard let signature = Hex.decode(proof.signature), let key = Hex.decode(hello.publicKey),
      Ed25519.isValid(signature: signature, for: message, publicKey: key)
    else { return refuse(.authentication, "the signature is not valid for this key") }
    origin = proof.origin
    phase = .registering(protocolVersion: version)
    return [
      .register(
        BuilderIntroduction(
          name: hello.name, publicKey: Hex.encode(key), version: hello.version,
          enrolmentToken: hello.enrolmentToken, instance: hello.instance))
    ]
  }

  /// The database's answer to `register`.
  mutating func registered(_ standing: BuilderStanding) -> [GatewayAction] {
    guard case .registering(let version) = phase else { return [] }
    switch standing {
    case .pending:
      return refuse(
        .pending, "the builder waits for an operator: buildsrs builders approve NAME")
    case .disabled: return refuse(.disabled, "an operator has disabled this builder")
    case .replaced(let isOwn): return replaced(isOwn: isOwn)
    case .approved(let builder, let isDraining):
      self.builder = builder
      self.isDraining = isDraining
      phase = .active
      let welcome = Welcome(
        session: Hex.encode(nonce.prefix(8)), protocolVersion: version,
        heartbeatSeconds: terms.heartbeatSeconds, leaseSeconds: terms.leaseSeconds)
      return [.send(.welcome(welcome))] + (isDraining ? [.send(.drain)] : [])
    }
  }

  // MARK: Working

  private mutating func active(_ message: BuilderMessage) -> [GatewayAction] {
    switch message {
    case .capabilities(let capabilities):
      guard (0...1024).contains(capabilities.slots) else {
        return [.send(.error(ProtocolError(message: "“slots” must be 0 to 1024")))]
      }
      self.capabilities = capabilities
      return [.storeCapabilities(capabilities), .claim]
    case .ready(let ready):
      guard capabilities != nil else {
        return [.send(.error(ProtocolError(message: "“capabilities” must come before “ready”")))]
      }
      announcedSlots = max(0, ready.slots)
      return declared([]) + [.claim]
    case .heartbeat(let heartbeat): return [.renew(heartbeat.attempts)]
    case .resume(let resume): return [.resume(resume.attempts)] + declared(resume.attempts)
    case .progress(let progress): return [.storeStage(progress)]
    case .log(let chunk): return logged(chunk)
    case .finished(let finished): return [.finish(finished)]
    case .hello, .authenticate, .error, .unknown: return answered(message)
    }
  }

  /// The first time that the builder says what it works on.
  private mutating func declared(_ attempts: [AttemptReference]) -> [GatewayAction] {
    guard !hasDeclared else { return [] }
    hasDeclared = true
    return [.forsake(keeping: held.union(attempts))]
  }

  private func logged(_ chunk: LogChunk) -> [GatewayAction] {
    guard (1...Int(Int32.max)).contains(chunk.sequence), chunk.text.utf8.count <= 64 << 10 else {
      let problem =
        "a log chunk has a sequence from 1 to 2147483647 and at most 65536 bytes: ignored"
      return [.send(.error(ProtocolError(message: problem)))]
    }
    return [.storeLog(chunk)]
  }

  // MARK: What the database answered

  /// These jobs go to the builder.
  mutating func assigned(_ jobs: [AttemptReference]) {
    held.formUnion(jobs)
    announcedSlots = max(0, announcedSlots - jobs.count)
  }

  /// The answer to `renew` and `resume`: of those that were asked for, these are still the builder's.
  /// What was assigned a moment ago and not asked for stays.
  mutating func renewed(asked: [AttemptReference], held answer: [AttemptReference]) {
    held.subtract(asked)
    held.formUnion(answer)
  }

  /// An attempt is over, published or not.
  mutating func ended(_ reference: AttemptReference) { held.remove(reference) }

  /// What operators think of the builder now: a draining one finishes what it has and takes nothing
  /// more, a disabled one has to go, and so has one that is here on a newer connection.
  mutating func reconsidered(_ standing: BuilderStanding) -> [GatewayAction] {
    guard phase == .active else { return [] }
    switch standing {
    case .approved(_, let isDraining):
      guard isDraining != self.isDraining else { return [] }
      self.isDraining = isDraining
      return isDraining ? [.send(.drain)] : worksAgain()
    case .pending, .disabled: return end(.policyViolation, "an operator has disabled this builder")
    case .replaced(let isOwn): return replaced(isOwn: isOwn)
    }
  }

  /// A builder that has been told to drain announces no slots any more: it begins anew.
  private mutating func worksAgain() -> [GatewayAction] {
    guard announcedSlots == 0 else { return [.claim] }
    phase = .ended
    return [.close(.goingAway, reason: "the builder is given jobs again: reconnect")]
  }

  private mutating func replaced(isOwn: Bool) -> [GatewayAction] {
    guard !isOwn else {
      return refuse(
        .unavailable, "this builder has connected again: this connection is the older one")
    }
    return refuse(
      .replaced,
      "another program has connected with this builder's key since, and only the newest one works: "
        + "give each builder a state directory, and so a key, of its own")
  }

  /// Whoever does not say who it is in time has to go.
  mutating func timedOut() -> [GatewayAction] {
    guard phase != .active, phase != .ended else { return [] }
    return end(.policyViolation, "no “hello” and “authenticate” in time")
  }
}
