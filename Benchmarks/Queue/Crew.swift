import SimulatedBuilders

/// Builders that work at once, and who watches them.
struct Crew: Sendable {
  let backend: BenchBackend
  let ending: JobEnding
  let asksAlone: Bool

  /// Connects so many builders, runs `watch` once all are in, and then lets them end their jobs.
  ///
  /// - Returns: all jobs in the order of their ends, and what `watch` answered.
  func work<Result: Sendable>(
    _ count: Int, _ watch: @escaping @Sendable () async throws -> Result
  ) async throws -> (jobs: [FinishedJob], watched: Result) {
    let builders = try await backend.farm.builders(count)
    let signal = StopSignal()
    let (connected, connection) = AsyncStream.makeStream(of: Void.self)
    return try await withThrowingTaskGroup(of: [FinishedJob].self) { group in
      for builder in builders {
        let working = WorkingBuilder(
          simulated: builder, url: backend.url, ending: ending, asksAlone: asksAlone,
          client: backend.farm.client)
        group.addTask { try await working.work(until: signal) { connection.yield() } }
      }
      async let watched = {
        defer { signal.raise() }
        var waiting = connected.makeAsyncIterator()
        for _ in 0..<count { await waiting.next() }
        return try await watch()
      }()
      var jobs: [FinishedJob] = []
      // Who fails ends the measurement: its error cancels `watched` too.
      for try await some in group { jobs += some }
      return (jobs.sorted { $0.accepted < $1.accepted }, try await watched)
    }
  }
}
