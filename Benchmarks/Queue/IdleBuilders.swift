import BuilderProtocol
import SimulatedBuilders

/// What many builders without work cost a backend.
struct IdleBuilders: Sendable, Encodable {
  var builders: Int
  var seconds: Int
  /// Resident memory of the backend before the first builder, at the end, and at most.
  var memoryBefore: Int
  var memoryAfter: Int
  var memoryMost: Int
  /// Most connections to the database that were seen in one look, without the listening one.
  var connectionsMost: Int
  var listeningMost: Int
  /// Processor seconds of the backend for a second of waiting.
  var backendLoad: Double
  var postgresLoad: Double

  /// Builders that connect at once.
  private static let wave = 50

  /// - Parameter seconds: how long they wait once all are connected; each sends its heartbeats.
  static func measure(_ backend: BenchBackend, builders count: Int, seconds: Int) async throws
    -> IdleBuilders
  {
    let before = ProcessUsage.memory(of: backend.process).now
    let builders = try await backend.farm.builders(count)
    let (connected, post) = AsyncStream.makeStream(of: Void.self)
    return try await withThrowingTaskGroup(of: IdleBuilders?.self) { group in
      let permits = AsyncStream.makeStream(of: Void.self)
      for _ in 0..<wave { permits.continuation.yield() }
      group.addTask {
        var waiting = connected.makeAsyncIterator()
        for _ in 0..<count {
          guard await waiting.next() != nil else { return nil }
          permits.continuation.yield()
        }
        return try await watch(backend, builders: count, seconds: seconds, before: before)
      }
      var permit = permits.stream.makeAsyncIterator()
      for builder in builders {
        await permit.next()
        group.addTask {
          try await wait(builder, backend) { post.yield() }
          return nil
        }
      }
      for try await measured in group {
        guard let measured else { continue }
        group.cancelAll()
        return measured
      }
      throw BenchFailure("all builders have ended")
    }
  }

  private static func wait(
    _ builder: SimulatedBuilder, _ backend: BenchBackend, connected: @Sendable () -> Void
  ) async throws {
    try await builder.connect(to: backend.url) { session in
      guard case .welcome(let welcome) = try await session.next() else {
        throw BenchFailure("the builder was not let in")
      }
      try await session.send(.capabilities(builder.capabilities))
      try await session.send(.ready(Ready(slots: 1)))
      connected()
      while !Task.isCancelled {
        try await session.send(.heartbeat(Heartbeat(attempts: [])))
        guard case .renewed = try await session.next() else {
          throw BenchFailure("a heartbeat was not answered")
        }
        try await Task.sleep(for: .seconds(welcome.heartbeatSeconds))
      }
    }
  }

  private static func watch(
    _ backend: BenchBackend, builders: Int, seconds: Int, before: Int
  ) async throws -> IdleBuilders {
    let used = backend.processors()
    let from = ContinuousClock.now
    var most = (working: 0, listening: 0)
    for _ in 0..<seconds {
      let now = try await backend.farm.rows.connections()
      most = (max(most.working, now.working), max(most.listening, now.listening))
      try await Task.sleep(for: .seconds(1))
    }
    let cost = backend.processors() - used
    let length = (ContinuousClock.now - from) / .seconds(1)
    let memory = ProcessUsage.memory(of: backend.process)
    return IdleBuilders(
      builders: builders, seconds: seconds, memoryBefore: before, memoryAfter: memory.now,
      memoryMost: memory.most, connectionsMost: most.working, listeningMost: most.listening,
      backendLoad: cost.backend / length, postgresLoad: cost.postgres / length)
  }
}
