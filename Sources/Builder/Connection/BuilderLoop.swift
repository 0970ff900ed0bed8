import BuilderProtocol
import ExecutorKit
import FarmModel
import Logging
import Transfer

/// Performs what a session decides. Owned by one task.
struct BuilderLoop {
  private let service: BuilderService
  private let client: TransferClient
  private let events: AsyncStream<BuilderService.Event>.Continuation
  private var session: BuilderSession
  private var modules: [ProbedModule]
  private var controls: [AttemptReference: HostControl] = [:]
  private var outbox: AsyncStream<BuilderMessage>.Continuation?
  private var connection = 0
  /// How many sweeps run.
  private var sweeps = 0
  /// What begins when they are done: a sweep would take its things for leftovers.
  private var heldBack: [(reference: AttemptReference, runner: AttemptRunner)] = []
  /// Why the builder ends, once it does.
  private var intended: BuilderEnding?
  /// Set when all is done.
  private(set) var ending: BuilderEnding?

  /// Whether attempts have children.
  var hasWork: Bool { !session.alive.isEmpty }

  private var logger: Logger { service.logger }

  init(
    service: BuilderService, client: TransferClient,
    events: AsyncStream<BuilderService.Event>.Continuation, first: ([ProbedModule], MachineFacts)
  ) {
    self.service = service
    self.client = client
    self.events = events
    modules = first.0
    let configuration = service.configuration
    session = BuilderSession(
      identity: service.identity, name: configuration.name, version: configuration.version,
      enrolmentToken: configuration.enrolmentToken,
      capabilities: Self.capabilities(first.0, first.1, service))
    tellProblems(since: [])
  }

  private static func capabilities(
    _ modules: [ProbedModule], _ machine: MachineFacts, _ service: BuilderService
  ) -> Capabilities {
    Capabilities(
      modules: modules, offered: service.prober.targets, machine: machine,
      labels: service.configuration.labels, slots: service.configuration.slots)
  }

  mutating func handle(_ event: BuilderService.Event, in group: inout DiscardingTaskGroup) {
    switch event {
    case .connection(let news): handle(news, in: &group)
    case .attempt(let reference, .stage(let stage)):
      logger.debug("\(reference.text): \(stage.rawValue)")
      perform(session.attemptBegan(stage, of: reference), in: &group)
    case .attempt(let reference, .log(let text)):
      perform(session.attemptLogged(text, of: reference), in: &group)
    case .ended(let reference, let end): handle(end, of: reference, in: &group)
    case .heartbeatDue(let number) where number == connection && outbox != nil:
      perform(session.heartbeatDue(at: .now), in: &group)
    case .heartbeatDue: break
    case .probed(let modules, let machine):
      let before = self.modules
      self.modules = modules
      tellProblems(since: before)
      perform(session.probed(Self.capabilities(modules, machine, service)), in: &group)
    case .swept(let lines): swept(lines, in: &group)
    case .stop(let request): stop(request, in: &group)
    case .farewellOver: ending = intended ?? .drained
    }
  }

  // MARK: News

  private mutating func handle(_ news: ConnectionNews, in group: inout DiscardingTaskGroup) {
    switch news {
    case .opened(let origin, let outbox):
      self.outbox = outbox
      connection += 1
      perform(session.connected(origin: origin), in: &group)
    case .message(let message): perform(session.received(message, at: .now), in: &group)
    case .malformed(let error): perform(session.receivedMalformed(error), in: &group)
    case .lost(let reason):
      if outbox != nil || intended == nil { logger.warning("\(reason)") }
      outbox = nil
      if intended != nil { ending = intended }
      perform(session.connectionLost() + session.leaseWarnings(at: .now), in: &group)
    case .waits(let wait, let next):
      logger.debug("next try at \(next) in \(wait)")
    }
  }

  private mutating func handle(
    _ end: AttemptEnd, of reference: AttemptReference, in group: inout DiscardingTaskGroup
  ) {
    controls[reference] = nil
    switch end.outcome {
    case .succeeded?: logger.info("\(reference.text): succeeded")
    case .failed(let failureClass, let message)?:
      logger.info("\(reference.text): \(failureClass.rawValue): \(message)")
    case nil: logger.info("\(reference.text): dropped")
    }
    perform(
      session.attemptFinished(reference, outcome: end.outcome, report: end.report), in: &group)
    if end.needsSweep { sweep(in: &group) }
  }

  private mutating func sweep(in group: inout DiscardingTaskGroup) {
    // What is held back has nothing on the machine yet, and may be spared all the same.
    let alive = session.alive
    let (prober, owner, events) = (service.prober, service.identity.owner, events)
    sweeps += 1
    group.addTask { events.yield(.swept(await prober.sweep(owner: owner, alive: alive))) }
  }

  private mutating func swept(_ lines: [String], in group: inout DiscardingTaskGroup) {
    for line in lines { logger.info("\(line)") }
    sweeps -= 1
    guard sweeps == 0 else { return }
    for (reference, runner) in heldBack { launch(reference, runner, in: &group) }
    heldBack = []
  }

  private func tellProblems(since before: [ProbedModule]) {
    for line in HealthNews.lines(from: before, to: modules) { logger.warning("\(line)") }
  }

  private mutating func stop(_ request: StopRequest, in group: inout DiscardingTaskGroup) {
    switch request {
    case .drain:
      logger.info("stopping: no new jobs; the running ones may finish")
      let (grace, events) = (service.configuration.grace, events)
      group.addTask {
        do { try await Task.sleep(for: grace) } catch { return }
        events.yield(.stop(.cancel))
      }
      perform(session.drain(), in: &group)
    case .cancel:
      logger.info("stopping: the running jobs are cancelled")
      perform(session.cancelAll(), in: &group)
      // What a backend that is away does not accept, the end of the leases will tell it.
      farewell(after: service.prober.program.grace + .seconds(5), in: &group)
    }
  }

  private func farewell(after time: Duration, in group: inout DiscardingTaskGroup) {
    let events = events
    group.addTask {
      do { try await Task.sleep(for: time) } catch { return }
      events.yield(.farewellOver)
    }
  }

  // MARK: Actions

  private mutating func perform(
    _ actions: [BuilderAction], in group: inout DiscardingTaskGroup
  ) {
    for action in actions {
      switch action {
      case .send(let message): outbox?.yield(message)
      case .start(let job, let template): start(job, template, in: &group)
      case .cancel(let reference, _), .abandon(let reference): controls[reference]?.cancel()
      case .scheduleHeartbeat(let time): scheduleHeartbeat(after: time, in: &group)
      case .reconnect(let reason):
        logger.warning("\(reason)")
        outbox?.finish()
      case .stop(let ending): end(ending, in: &group)
      case .note(let text): logger.info("\(text)")
      case .warn(let text): logger.warning("\(text)")
      }
    }
  }

  /// Closes the connection in peace; without one, it is over at once.
  private mutating func end(_ reason: BuilderEnding, in group: inout DiscardingTaskGroup) {
    guard intended == nil else { return }
    intended = reason
    guard let outbox else {
      ending = reason
      return
    }
    outbox.finish()
    farewell(after: .seconds(5), in: &group)
  }

  private func scheduleHeartbeat(after time: Duration, in group: inout DiscardingTaskGroup) {
    let (events, number) = (events, connection)
    group.addTask {
      do { try await Task.sleep(for: time) } catch { return }
      events.yield(.heartbeatDue(connection: number))
    }
  }

  private mutating func start(
    _ job: AssignedJob, _ template: String, in group: inout DiscardingTaskGroup
  ) {
    let reference = job.reference
    let inputs = job.plan.inputs
    logger.info("\(reference.text): \(inputs.crate) \(inputs.version) for \(inputs.target)")
    let control = HostControl()
    controls[reference] = control
    let runner = AttemptRunner(
      job: job, downloadTemplate: template, owner: service.identity.owner,
      program: service.prober.program,
      module: modules.first { $0.name == inputs.executor }?.path,
      filesDirectory: service.prober.filesDirectory,
      cacheDirectory: service.prober.cacheDirectory,
      compileCache: service.configuration.compileCache, state: service.state, client: client,
      silenceMargin: service.configuration.silenceMargin, control: control)
    guard sweeps == 0 else { return heldBack.append((reference, runner)) }
    launch(reference, runner, in: &group)
  }

  private func launch(
    _ reference: AttemptReference, _ runner: AttemptRunner, in group: inout DiscardingTaskGroup
  ) {
    let events = events
    group.addTask {
      let end = await runner.run { events.yield(.attempt(reference, $0)) }
      events.yield(.ended(reference, end))
    }
  }
}
