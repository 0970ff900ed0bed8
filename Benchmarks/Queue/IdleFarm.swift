import BuilderProtocol
import ExecutorKit
import FarmModel
import SimulatedBuilders

/// How fast work reaches a builder of a farm that has nothing to do.
struct IdleFarm: Sendable, Encodable {
  struct Measured: Sendable, Encodable {
    var summary: LatencySummary
    /// Milliseconds.
    var histogram: [HistogramBucket]

    init(_ latencies: Latencies) throws {
      guard let summary = latencies.summary else { throw BenchFailure("nothing was assigned") }
      self.summary = summary
      histogram = latencies.histogram
    }
  }

  var builders: Int
  /// From the request that reports a version to `assign`, one sample a job.
  var versionToAssign: Measured
  /// From a `NOTIFY` about a job that waits already to `assign`.
  var notifyToAssign: Measured

  /// - Parameter samples: of each kind.
  static func measure(_ backend: BenchBackend, builders count: Int, samples: Int) async throws
    -> IdleFarm
  {
    let builders = try await backend.farm.builders(count)
    let (events, post) = AsyncStream.makeStream(of: IdleEvent.self)
    return try await withThrowingTaskGroup(of: IdleFarm?.self) { group in
      for builder in builders {
        group.addTask {
          try await wait(builder, backend, post)
          return nil
        }
      }
      group.addTask {
        var driver = IdleDriver(backend: backend, events: events, builders: count)
        return try await driver.run(samples: samples)
      }
      // Only the driver ends by itself; a builder that fails ends the measurement.
      for try await measured in group {
        guard let measured else { continue }
        group.cancelAll()
        return measured
      }
      throw BenchFailure("all builders have ended")
    }
  }

  private static func wait(
    _ builder: SimulatedBuilder, _ backend: BenchBackend,
    _ post: AsyncStream<IdleEvent>.Continuation
  ) async throws {
    try await builder.connect(to: backend.url) { session in
      guard case .welcome = try await session.next() else {
        throw BenchFailure("the builder was not let in")
      }
      try await session.send(.capabilities(builder.capabilities))
      while !Task.isCancelled {
        try await session.send(.ready(Ready(slots: 1)))
        post.yield(.idle)
        let job = try await session.assigned()
        post.yield(.assigned(job: job.job, at: .now))
        let answer = try await session.finish(
          job, .failed(.compile, message: "error: could not compile"))
        guard case .accepted = answer else {
          throw BenchFailure("the end of a job was not accepted")
        }
      }
    }
  }
}

/// What waiting builders tell the one who measures.
enum IdleEvent: Sendable {
  case idle
  case assigned(job: Int64, at: ContinuousClock.Instant)
}

/// Gives an idle farm one thing to do after the other.
struct IdleDriver {
  private let backend: BenchBackend
  private let builders: Int
  private var events: AsyncStream<IdleEvent>.AsyncIterator

  init(backend: BenchBackend, events: AsyncStream<IdleEvent>, builders: Int) {
    self.backend = backend
    self.builders = builders
    self.events = events.makeAsyncIterator()
  }

  mutating func run(samples: Int) async throws -> IdleFarm {
    _ = try await next(assigned: 0, idle: builders)
    let versions = try await reportVersions(samples)
    let notifications = try await notify(samples)
    return IdleFarm(
      builders: builders, versionToAssign: try IdleFarm.Measured(versions),
      notifyToAssign: try IdleFarm.Measured(notifications))
  }

  private mutating func reportVersions(_ samples: Int) async throws -> Latencies {
    var latencies = Latencies()
    let targets = BenchFarm.targets.count
    // The first ones prepare statements.
    let warmUp = 5
    for number in 0..<(warmUp + samples / targets) {
      try await pause()
      let from = ContinuousClock.now
      try await backend.report(crate: "idle\(builders)", version: "1.0.\(number)")
      for (_, at) in try await next(assigned: targets, idle: targets) where number >= warmUp {
        latencies.add(at - from)
      }
    }
    return latencies
  }

  private mutating func notify(_ samples: Int) async throws -> Latencies {
    var latencies = Latencies()
    try await backend.report(crate: "notified\(builders)", version: "1.0.0")
    let targets = BenchFarm.targets.count
    guard let job = try await next(assigned: targets, idle: targets).first?.job else {
      throw BenchFailure("nothing was assigned")
    }
    while latencies.milliseconds.count < samples {
      try await pause()
      try await backend.farm.rows.revive(job: job)
      let from = ContinuousClock.now
      try await backend.farm.rows.notify(target: BenchFarm.targets.joined(separator: ","))
      // The backend's own look every 5 s may have come first.
      for (_, at) in try await next(assigned: 1, idle: 1) where at > from {
        latencies.add(at - from)
      }
    }
    return latencies
  }

  /// Versions do not come in step with the backend's own clock.
  private func pause() async throws {
    try await Task.sleep(for: .milliseconds(Double.random(in: 20...60)))
  }

  private mutating func next(assigned: Int, idle: Int) async throws
    -> [(job: Int64, at: ContinuousClock.Instant)]
  {
    var jobs: [(job: Int64, at: ContinuousClock.Instant)] = []
    var idleCount = 0
    while jobs.count < assigned || idleCount < idle {
      switch await events.next() {
      case .idle: idleCount += 1
      case .assigned(let job, let at): jobs.append((job, at))
      case nil: throw CancellationError()
      }
    }
    return jobs
  }
}
