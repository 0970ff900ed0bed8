import BuilderProtocol
import Cryptography
import Database
import FarmModel
import Foundation
import Logging
import Postgres
import Scheduling
import WebSockets

/// One builder's connection: does what its session decides, one event after the other.
///
/// Not `Sendable`: only the loop that reads the mailbox uses it.
final class GatewayConnection {
  /// Something that takes long and must not hold up heartbeats.
  typealias Work = @Sendable () async -> Void

  private let gateway: Gateway
  private let socket: WebSocket
  private let mailbox: GatewayMailbox
  /// Makes this connection look whether it is still wanted.
  private let tell: @Sendable () -> Void
  private var logger: Logger
  private var session: GatewaySession
  /// The number of the builder's session, once it is in, and which run of its program it is.
  private var number: Int64 = 0
  private var instance: String?
  private var log = LogBuffer()
  private var isFlushPending = false
  private var finishing = FinishPlaces()
  private var abilities: (edition: Int, capabilities: Capabilities, numbers: [Int64])?
  private(set) var isOver = false
  /// The database cannot be told of the end now, or the builder shall dial again at once.
  private var isSentAway = false

  init(
    gateway: Gateway, socket: WebSocket, mailbox: GatewayMailbox,
    tell: @escaping @Sendable () -> Void
  ) {
    self.gateway = gateway
    self.socket = socket
    self.mailbox = mailbox
    self.tell = tell
    session = GatewaySession(terms: gateway.terms, nonce: Random.bytes(32))
    logger = gateway.logger
    logger[metadataKey: "peer"] = "\(socket.remoteAddress)"
  }

  /// The connection has ended: nobody has to be told of anything any more.
  func leave() { gateway.sessions.leave(session.builder, number) }

  /// The builder's program may come again, or another one with its key, without being taken for a second one.
  func left() async {
    guard number > 0, !isSentAway else { return }
    // Where this cannot be written, it counts as connected until it has not been heard of for a while.
    try? await gateway.database.leave(builder: session.builder, session: number)
  }

  /// Handles one event; answers what is to be done beside the connection.
  func handle(_ event: GatewayEvent) async -> [Work] {
    do {
      return try await perform(event)
    } catch let error as PostgresError where error.isUnavailable {
      logger.warning("a builder is sent away, the database is away: \(error)")
      await sendAway("the database cannot be reached now: try again later")
    } catch is PostgresPoolError {
      await sendAway("the backend stops: reconnect")
    } catch is CancellationError {
      isOver = true
    } catch let error as WebSocketError {
      logger.info("a builder's connection ended: \(error)")
      isOver = true
    } catch {
      logger.error("serving a builder failed: \(String(reflecting: error))")
      await sendAway("the backend made a mistake; its log tells more")
    }
    return []
  }

  private func perform(_ event: GatewayEvent) async throws -> [Work] {
    switch event {
    case .message(let message):
      defer { if !finishing.isFull { mailbox.handled() } }
      return try await perform(read(message))
    case .wake: return try await perform([.claim])
    case .reconsider: return try await reconsider()
    case .flush:
      isFlushPending = false
      try await storeLog()
      return []
    case .finished(let reference, let outcome):
      let next = finishing.ended(reference, places: finishPlaces)
      defer { if next != nil { mailbox.handled() } }
      try await tell(reference, try outcome.get())
      return next.map { [record($0)] } ?? []
    case .deadline: return try await perform(session.timedOut())
    case .disconnected:
      isOver = true
      try await storeLog()
      return []
    }
  }

  private func read(_ message: WebSocketMessage) -> [GatewayAction] {
    guard case .text(let text) = message else {
      return session.unreadable(.notAMessage("a binary frame"))
    }
    do {
      return session.received(try BuilderMessage(decoding: withoutNullCharacters(text)))
    } catch {
      return session.unreadable(error)
    }
  }

  private func perform(_ actions: [GatewayAction]) async throws -> [Work] {
    var work: [Work] = []
    for action in actions { work += try await perform(action) }
    return work
  }

  private func perform(_ action: GatewayAction) async throws -> [Work] {
    switch action {
    case .send(let message): try await send(message)
    case .close(let closing, let reason): close(closing, reason)
    case .register(let introduction): return try await register(introduction)
    case .storeCapabilities(let capabilities):
      try await gateway.database.setCapabilities(
        builder: session.builder, json: CanonicalJSON.text(capabilities))
    case .claim: try await claim()
    case .renew(let attempts): return try await heartbeat(attempts)
    case .resume(let attempts): try await resume(attempts)
    case .forsake(let kept): return try await forsake(keeping: kept)
    case .storeStage(let progress):
      try await gateway.database.setStage(
        progress.stage, job: progress.job, attempt: progress.attempt, builder: session.builder)
    case .storeLog(let chunk): return try await keep(chunk)
    case .finish(let finished): return try await finish(finished)
    }
    return []
  }

  // MARK: Messages

  private func send(_ message: BackendMessage) async throws {
    try await socket.send(message.encoded())
  }

  private func close(_ closing: GatewayClosing, _ reason: String) {
    logger.info("a builder's connection is closed: \(reason)")
    socket.close(WebSocketCloseCode(rawValue: closing.rawValue), reason: reason)
    isOver = true
  }

  /// The builder shall come back later; what it holds stays its own as long as the leases last.
  private func sendAway(_ reason: String) async {
    if session.phase != .active {
      try? await send(.refused(Refused(reason: .unavailable, message: reason)))
    }
    isSentAway = true
    close(.tryAgainLater, reason)
  }

  // MARK: Registration

  private func register(_ introduction: BuilderIntroduction) async throws -> [Work] {
    if let seconds = gateway.connections.take(introduction.publicKey) {
      await sendAway("this builder connects too often: again in \(seconds) s")
      return []
    }
    let builder: StoredBuilder
    do {
      builder = try await gateway.database.registerBuilder(
        name: introduction.name, publicKey: introduction.publicKey, version: introduction.version,
        tokenHash: introduction.enrolmentToken.map { SHA256.hex(of: $0) },
        instance: introduction.instance)
    } catch let error as TooManyPendingBuilders {
      await sendAway("\(error)")
      return []
    } catch let error as BuilderIsConnected {
      await sendAway("\(error)")
      return []
    }
    logger[metadataKey: "builder"] = "\(builder.name)"
    logger.info("builder \(builder.id) is \(builder.state.rawValue)")
    (number, instance) = (builder.session, introduction.instance)
    let standing = BuilderStanding(
      builder.state, builder: builder.id, isDraining: builder.isDraining)
    let actions = session.registered(standing)
    // Before the welcome: what happens to the builder from now on it is told.
    if session.phase == .active { gateway.sessions.enter(builder.id, number, tell: tell) }
    return try await perform(actions)
  }

  // MARK: Leases

  private func claim() async throws {
    while gateway.gate.isOpen, session.claimableSlots > 0,
      let capabilities = session.capabilities
    {
      let wish = ClaimWish(
        builder: session.builder, slots: session.claimableSlots, session: number,
        capacity: capabilities.slots)
      let claimed = try await gateway.claim(
        wish, abilities: abilities(capabilities), origin: session.origin)
      guard let claimed else { return }
      try await assign(claimed)
    }
  }

  /// What cannot be told to the builder others may have at once.
  private func assign(_ claimed: AssignedJobs) async throws {
    do {
      guard gateway.gate.isOpen else { throw CancellationError() }
      session.assigned(claimed.references)
      try await send(.assign(claimed.message))
    } catch {
      for reference in claimed.references { session.ended(reference) }
      try await gateway.database.giveBack(
        builder: session.builder,
        attempts: claimed.references.map { (job: $0.job, attempt: $0.attempt) })
      throw error
    }
  }

  /// The numbers of the requirements that the builder fulfils; found out again only when something has
  /// changed.
  private func abilities(_ capabilities: Capabilities) -> [Int64] {
    let edition = gateway.requirements.edition
    if let known = abilities, known.edition == edition, known.capabilities == capabilities {
      return known.numbers
    }
    let numbers = gateway.requirements.numbers(for: capabilities)
    abilities = (edition, capabilities, numbers)
    return numbers
  }

  /// A builder that has connected again is not told on its older connection that its leases are lost.
  private func heartbeat(_ attempts: [AttemptReference]) async throws -> [Work] {
    guard let standing = try await standing() else { return [] }
    if case .replaced = standing { return try await perform(session.reconsidered(standing)) }
    try await renew(attempts)
    return try await perform(session.reconsidered(standing))
  }

  private func renew(_ attempts: [AttemptReference]) async throws {
    let held = try await held(attempts)
    try await send(
      .renewed(Renewed(attempts: held.map(\.reference), leaseSeconds: gateway.terms.leaseSeconds)))
    try await cancel(held)
  }

  /// Whether operators still want the builder, and by this connection: asked with every heartbeat, and
  /// when something has changed.
  private func standing() async throws -> BuilderStanding? {
    guard let now = try await gateway.database.standing(of: session.builder) else { return nil }
    guard now.session == number else {
      return .replaced(isOwn: instance != nil && now.instance == instance)
    }
    return BuilderStanding(now.state, builder: session.builder, isDraining: now.isDraining)
  }

  private func reconsider() async throws -> [Work] {
    guard let standing = try await standing() else { return [] }
    return try await perform(session.reconsidered(standing))
  }

  private func resume(_ attempts: [AttemptReference]) async throws {
    let held = try await held(attempts)
    let answer = held.map {
      Resumed.Held(job: $0.job, attempt: $0.attempt, lastSequence: $0.lastSequence)
    }
    try await send(.resumed(Resumed(held: answer, leaseSeconds: gateway.terms.leaseSeconds)))
    try await cancel(held)
  }

  private func forsake(keeping kept: Set<AttemptReference>) async throws -> [Work] {
    let forsaken = try await gateway.database.forsake(
      builder: session.builder, session: number,
      keeping: kept.map { (job: $0.job, attempt: $0.attempt) })
    guard let forsaken else { return try await reconsider() }
    for lease in forsaken {
      logger.info("the builder came back without attempt \(lease.attempt) of job \(lease.job)")
    }
    return []
  }

  private func held(_ attempts: [AttemptReference]) async throws -> [HeldLease] {
    let held = try await gateway.database.renew(
      builder: session.builder, session: number,
      attempts: attempts.map { (job: $0.job, attempt: $0.attempt) })
    session.renewed(asked: attempts, held: held.map(\.reference))
    return held
  }

  private func cancel(_ held: [HeldLease]) async throws {
    for lease in held where lease.cancelRequested { try await send(.cancel(lease.reference)) }
  }

  // MARK: Logs

  private func keep(_ chunk: LogChunk) async throws -> [Work] {
    log.append(chunk)
    if log.isFull { try await storeLog() }
    guard !isFlushPending, !log.isEmpty else { return [] }
    isFlushPending = true
    return [
      { [mailbox] in
        try? await Task.sleep(for: LogBuffer.delay)
        mailbox.post.yield(.flush)
      }
    ]
  }

  private func storeLog() async throws {
    let pieces = log.take()
    guard !pieces.isEmpty else { return }
    try await gateway.database.storeLog(pieces, builder: session.builder)
    for receipt in LogBuffer.receipts(pieces) { try await send(.logReceived(receipt)) }
  }

  // MARK: Ends

  private var finishPlaces: Int { FinishPlaces.places(slots: session.capabilities?.slots) }

  private func finish(_ finished: Finished) async throws -> [Work] {
    try await storeLog()
    return finishing.arrived(finished, places: finishPlaces) == .begins ? [record(finished)] : []
  }

  /// Publishing takes as long as the artifacts are large: it runs beside the connection.
  private func record(_ finished: Finished) -> Work {
    { [builder = session.builder, finisher = gateway.finisher, mailbox] in
      let outcome: Result<FinishOutcome, any Error>
      do { outcome = .success(try await finisher.finish(finished, builder: builder)) } catch {
        outcome = .failure(error)
      }
      mailbox.post.yield(.finished(finished.reference, outcome))
    }
  }

  private func tell(_ reference: AttemptReference, _ outcome: FinishOutcome) async throws {
    session.ended(reference)
    switch outcome {
    case .accepted: try await send(.accepted(reference))
    case .stale: try await send(.stale(reference))
    case .rejected(let reason):
      try await send(.error(ProtocolError(message: reason)))
      try await send(.accepted(reference))
    }
    try await claim()
  }
}

extension BuilderStanding {
  fileprivate init(_ state: StoredBuilder.State, builder: Int64, isDraining: Bool) {
    switch state {
    case .approved: self = .approved(builder: builder, isDraining: isDraining)
    case .pending: self = .pending
    case .disabled: self = .disabled
    }
  }
}

extension HeldLease {
  fileprivate var reference: AttemptReference { AttemptReference(job: job, attempt: attempt) }
}
