/// Jobs a second through the gateway.
struct Throughput: Sendable, Encodable {
  var builders: Int
  var ending: JobEnding
  /// Whether each job had a rank of its own, else they took turns.
  var isSingleFile: Bool
  var seconds: Double
  var jobs: Int
  var jobsPerSecond: Double
  var processorSeconds: Processors
  /// What the server did meanwhile.
  var statements: [StatementCost]

  private struct Window: Sendable {
    var from: ContinuousClock.Instant
    var to: ContinuousClock.Instant
    var processors: Processors
  }

  /// - Parameters:
  ///   - seconds: measured, after a fifth of it to warm up.
  static func measure(
    _ backend: BenchBackend, builders: Int, ending: JobEnding, seconds: Int,
    isSingleFile: Bool = false
  ) async throws -> Throughput {
    try await backend.farm.rows.forgetStatements()
    let crew = Crew(backend: backend, ending: ending, asksAlone: false)
    let (jobs, window) = try await crew.work(builders) {
      try await Task.sleep(for: .seconds(seconds) / 5)
      let before = backend.processors()
      let from = ContinuousClock.now
      try await Task.sleep(for: .seconds(seconds))
      let to = ContinuousClock.now
      return Window(from: from, to: to, processors: backend.processors() - before)
    }
    let counted = jobs.count { window.from <= $0.accepted && $0.accepted < window.to }
    let length = (window.to - window.from) / .seconds(1)
    return Throughput(
      builders: builders, ending: ending, isSingleFile: isSingleFile, seconds: length,
      jobs: counted, jobsPerSecond: Double(counted) / length, processorSeconds: window.processors,
      statements: try await backend.farm.rows.statements())
  }
}
