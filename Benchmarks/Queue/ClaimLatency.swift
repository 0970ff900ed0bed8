/// How long a claim takes while so many jobs wait.
struct ClaimLatency: Sendable, Encodable {
  var pendingRows: Int
  /// Through the gateway: from `ready` to `assign`, one builder, one claim after the other.
  var readyToAssign: LatencySummary
  /// The statement alone, as the server has measured it.
  var statement: StatementCost?
  var table: TableState

  static func measure(_ backend: BenchBackend, rows: Int, claims: Int) async throws -> ClaimLatency
  {
    let farm = backend.farm
    // The first ones make connections and prepare statements.
    _ = try await claim(backend, atLeast: max(20, claims / 10))
    try await farm.rows.forgetStatements()
    let latencies = try await claim(backend, atLeast: claims)
    guard let summary = latencies.summary else { throw BenchFailure("no job was claimed") }
    return ClaimLatency(
      pendingRows: rows, readyToAssign: summary,
      statement: try await farm.rows.statements().first { $0.isClaim },
      table: try await farm.rows.table())
  }

  private static func claim(_ backend: BenchBackend, atLeast count: Int) async throws -> Latencies {
    guard let builder = try await backend.farm.builders(1).first else { return Latencies() }
    let working = WorkingBuilder(
      simulated: builder, url: backend.url, ending: .compileFailure, asksAlone: true,
      client: backend.farm.client)
    return Latencies(try await working.work(jobs: count).compactMap(\.claim))
  }
}
