/// Claims during minutes of load, with autovacuum on.
struct Load: Sendable, Encodable {
  struct Minute: Sendable, Encodable {
    var number: Int
    var jobs: Int
    var readyToAssign: LatencySummary?
  }

  var builders: Int
  var pendingRows: Int
  /// Of what is called a minute: 60, unless the whole load is shorter than some minutes.
  var secondsAMinute: Double
  var minutes: [Minute]
  var before: TableState
  var after: TableState
  var statements: [StatementCost]

  private struct Span: Sendable {
    var from: ContinuousClock.Instant
    var to: ContinuousClock.Instant
  }

  static func measure(
    _ backend: BenchBackend, builders: Int, rows: Int, duration: Duration
  ) async throws -> Load {
    let farm = backend.farm
    let before = try await farm.rows.table()
    try await farm.rows.forgetStatements()
    let crew = Crew(backend: backend, ending: .compileFailure, asksAlone: true)
    let (jobs, span) = try await crew.work(builders) {
      let from = ContinuousClock.now
      try await Task.sleep(for: duration)
      return Span(from: from, to: .now)
    }
    let minute = min(.seconds(60), duration / 5)
    let count = max(1, Int((duration / minute).rounded(.down)))
    var latencies = [Latencies](repeating: Latencies(), count: count)
    for job in jobs where span.from <= job.accepted && job.accepted < span.to {
      let index = Int(((job.accepted - span.from) / minute).rounded(.down))
      if let claim = job.claim { latencies[min(index, count - 1)].add(claim) }
    }
    return Load(
      builders: builders, pendingRows: rows, secondsAMinute: minute / .seconds(1),
      minutes: latencies.enumerated().map { index, some in
        Minute(number: index + 1, jobs: some.milliseconds.count, readyToAssign: some.summary)
      }, before: before, after: try await farm.rows.table(),
      statements: try await farm.rows.statements())
  }
}
