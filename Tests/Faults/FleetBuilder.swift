import BuilderProtocol
import Cryptography
import ExecutorKit
import FarmModel
import Foundation
import SimulatedBuilders
import Transfer
import WebSockets

/// What all simulated builders share.
struct FleetContext: Sendable {
  let seed: UInt64
  let book: Book
  /// Where backends can be reached, through the proxies.
  let origins: [String]
  let client: TransferClient
  let isCalm: Switch
}

/// One simulated builder: connects to any backend, resumes, keeps its leases, and says how attempts
/// ended until it is told that this is known.
actor FleetBuilder {
  struct Work {
    let job: AssignedJob
    var log: [LogChunk] = []
    /// Set once the attempt has ended here.
    var finished: Finished?
    var isCancelled = false
  }

  nonisolated let index: Int
  nonisolated let simulated: SimulatedBuilder
  let fleet: FleetContext
  var random: SeededGenerator
  var works: [AttemptReference: Work] = [:]
  var socket: WebSocket?
  /// What was asked for by heartbeats on this connection, in order.
  var askedRenewals: [[AttemptReference]] = []
  var finishesTwice = false
  private var frozenUntil = ContinuousClock.now
  private var downUntil = ContinuousClock.now
  /// Changes when it dies: works of an earlier life go on no more.
  private(set) var life = 0
  private var wasRejected = false
  private let jobs: AsyncStream<AssignedJob>
  private let post: AsyncStream<AssignedJob>.Continuation

  init(index: Int, targets: [String], fleet: FleetContext) {
    self.index = index
    self.fleet = fleet
    var random = SeededGenerator(seed: fleet.seed, of: "builder \(index)")
    let seed = (0..<Ed25519.seedLength).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    var simulated = SimulatedBuilder(
      name: "simulated-\(index)", key: Ed25519.PrivateKey(seed: seed) ?? Ed25519.PrivateKey(),
      slots: 1 + index % 3, targets: targets)
    simulated.configuration = WebSocketConfiguration(
      silenceLimit: .seconds(4), closeTimeout: .milliseconds(300), openTimeout: .seconds(3))
    self.simulated = simulated
    self.random = random
    (jobs, post) = AsyncStream.makeStream()
  }

  /// Works until the task is cancelled.
  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { await self.connectAgainAndAgain() }
      for await job in jobs {
        let life = life
        group.addTask { await self.work(job, life) }
      }
      group.cancelAll()
    }
  }

  // MARK: Faults

  /// Everything is forgotten, as by kill -9.
  func die(for seconds: Double) {
    fleet.book.forgotten(Array(works.keys))
    life += 1
    works = [:]
    finishesTwice = false
    downUntil = ContinuousClock.now + .seconds(seconds)
    reconnect()
  }

  func freeze(for seconds: Double) { frozenUntil = ContinuousClock.now + .seconds(seconds) }

  func reconnect() { socket?.close(.goingAway) }

  func thaw() async { try? await Task.sleep(until: frozenUntil) }

  /// What the injector has stopped goes on.
  func heal() {
    frozenUntil = ContinuousClock.now
    downUntil = ContinuousClock.now
  }

  // MARK: Connection

  private func connectAgainAndAgain() async {
    while !Task.isCancelled {
      try? await Task.sleep(until: downUntil)
      await thaw()
      let origin = fleet.origins[random.index(below: fleet.origins.count)]
      do {
        try await connect(to: origin)
      } catch {
        fleet.book.count("connections ended")
      }
      socket = nil
      try? await Task.sleep(for: .seconds(random.number(in: 0.05...0.5)))
    }
    post.finish()
  }

  private nonisolated func connect(to origin: String) async throws {
    try await simulated.connect(to: origin) { session in
      guard case .welcome(let welcome) = try await session.next() else {
        throw SimulationError.unexpected
      }
      let socket = session.socket
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          while true {
            try await Task.sleep(for: .seconds(welcome.heartbeatSeconds))
            await self.thaw()
            for message in await self.beat() { try await socket.send(message.encoded()) }
          }
        }
        defer { group.cancelAll() }
        for message in await self.opened(socket) { try await socket.send(message.encoded()) }
        while true {
          let message = try await session.next()
          await self.thaw()
          for answer in await self.received(message) { try await socket.send(answer.encoded()) }
        }
      }
    }
  }

  private func opened(_ socket: WebSocket) -> [BuilderMessage] {
    self.socket = socket
    askedRenewals = []
    wasRejected = false
    fleet.book.count("connections")
    let hello = BuilderMessage.capabilities(simulated.capabilities)
    let held = Array(works.keys)
    return [hello, held.isEmpty ? ready : .resume(Heartbeat(attempts: held))]
  }

  private var ready: BuilderMessage {
    .ready(Ready(slots: max(0, simulated.slots - works.count)))
  }

  /// Renews all leases, and repeats what nobody has answered.
  private func beat() -> [BuilderMessage] {
    let held = Array(works.keys)
    askedRenewals.append(held)
    let unanswered = works.values.compactMap(\.finished).filter { _ in random.index(below: 3) == 0 }
    return [.heartbeat(Heartbeat(attempts: held))] + unanswered.map { .finished($0) }
  }

  // MARK: Messages

  private func received(_ message: BackendMessage) -> [BuilderMessage] {
    switch message {
    case .assign(let assign): take(assign)
    case .renewed(let renewed): renew(renewed)
    case .resumed(let resumed): return resume(resumed)
    case .logReceived(let receipt):
      works[AttemptReference(job: receipt.job, attempt: receipt.attempt)]?.log
        .removeAll { $0.sequence <= receipt.sequence }
    case .cancel(let reference): works[reference]?.isCancelled = true
    case .accepted(let reference):
      let answer = wasRejected ? Book.Answer.rejected : .accepted
      wasRejected = false
      return ended(reference, answer)
    case .stale(let reference): return ended(reference, .stale)
    case .error: wasRejected = true
    case .drain, .challenge, .welcome, .refused, .unknown: break
    }
    return []
  }

  private func take(_ assign: Assign) {
    for job in assign.jobs where fleet.book.assigned(job, to: index) {
      works[job.reference] = Work(job: job)
      post.yield(job)
    }
  }

  private func renew(_ renewed: Renewed) {
    check(renewed.attempts)
    guard !askedRenewals.isEmpty else { return }
    let held = Set(renewed.attempts)
    for reference in askedRenewals.removeFirst() where !held.contains(reference) {
      drop(reference)
    }
  }

  private func resume(_ resumed: Resumed) -> [BuilderMessage] {
    check(resumed.held.map(\.reference))
    let stored = Dictionary(resumed.held.map { ($0.reference, $0.lastSequence) }) { $1 }
    var messages: [BuilderMessage] = []
    for (reference, work) in works {
      if let last = stored[reference] {
        messages += work.log.filter { $0.sequence > last }.map { .log($0) }
      } else {
        drop(reference)
      }
      if let finished = work.finished { messages.append(.finished(finished)) }
    }
    return messages + [ready]
  }

  /// Leases that somebody else was given are nobody else's to renew.
  private func check(_ held: [AttemptReference]) {
    for reference in held {
      guard let owner = fleet.book.builder(of: reference), owner != index else { continue }
      fleet.book.violated(
        "builder \(index) was told that it holds \(reference.text), which is builder \(owner)'s")
    }
  }

  /// The lease is another's; one whose end is on the way gets its own answer.
  private func drop(_ reference: AttemptReference) {
    guard let work = works[reference], work.finished == nil else { return }
    works[reference] = nil
    fleet.book.lost(reference)
  }

  private func ended(_ reference: AttemptReference, _ answer: Book.Answer) -> [BuilderMessage] {
    guard let work = works[reference] else {
      stranger(reference, answer)
      return []
    }
    if answer != .stale, work.finished == nil {
      fleet.book.violated("builder \(index): \(answer) for \(reference.text), which still runs")
    }
    works[reference] = nil
    fleet.book.answered(reference, answer)
    return [ready]
  }

  /// An answer for what this builder does not hold: to a message sent twice, or to a wrong one.
  private func stranger(_ reference: AttemptReference, _ answer: Book.Answer) {
    let owner = fleet.book.builder(of: reference)
    fleet.book.count(owner == index ? "answers again" : "wrong ones told \(answer)")
    if owner != index, answer != .stale {
      fleet.book.violated(
        "builder \(index) was told \(answer) for \(reference.text), which was never its own")
    }
  }
}
