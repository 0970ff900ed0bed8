import Foundation

/// The measurements in their order: what needs an empty queue first, what needs the most rows last.
struct QueueRun {
  let farm: BenchFarm
  let sizes: Sizes
  let beside: Beside
  let output: String
  var report: Report

  mutating func run() async throws {
    report.settings = try await farm.rows.settings()
    progress(
      "PostgreSQL: "
        + report.settings.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }
        .joined(separator: " "))
    try await measureIdle()
    try await farm.withBackend { backend in
      try await backend.report(crate: QueueRows.template, version: "1.0.0")
    }
    for rows in sizes.rows {
      progress("filling the queue to \(rows) rows")
      try await farm.rows.fill(to: rows)
      try await measureClaims(rows)
      // Beside other queues with as many rows as there is time to make for them.
      if rows == sizes.rows.last(where: { $0 <= Self.throughputRows }) ?? sizes.rows.last {
        try await measureThroughput(rows)
        try report.write(to: output)
        if !beside.command.isEmpty { progress("beside: \(beside.command.joined(separator: " "))") }
        try await beside.run(on: farm)
      }
    }
    try await measureLoad()
    progress("written: \(output)")
  }

  private static let throughputRows = 1_000_000

  private mutating func measureIdle() async throws {
    let (farm, sizes) = (farm, sizes)
    for builders in sizes.idleFarms {
      progress("new versions for an idle farm of \(builders)")
      report.idleFarms.append(
        try await farm.withBackend {
          try await IdleFarm.measure($0, builders: builders, samples: sizes.idleSamples)
        })
      try report.write(to: output)
    }
    progress("\(sizes.idleBuilders) idle builders")
    report.idleBuilders = try await farm.withBackend {
      try await IdleBuilders.measure(
        $0, builders: sizes.idleBuilders, seconds: sizes.idleSeconds)
    }
    try report.write(to: output)
  }

  private mutating func measureClaims(_ rows: Int) async throws {
    let (farm, sizes) = (farm, sizes)
    progress("claims with \(rows) pending rows")
    report.claims.append(
      try await farm.withBackend {
        try await ClaimLatency.measure($0, rows: rows, claims: sizes.claims)
      })
    try report.write(to: output)
  }

  private mutating func measureThroughput(_ rows: Int) async throws {
    let (farm, sizes) = (farm, sizes)
    report.throughputRows = rows
    for ending in [JobEnding.compileFailure, .success] {
      for builders in sizes.builders {
        try await farm.rows.fill(to: rows)
        progress("\(builders) builders, \(ending.rawValue)")
        let measured = try await farm.withBackend {
          try await Throughput.measure(
            $0, builders: builders, ending: ending, seconds: sizes.throughputSeconds)
        }
        try keep(measured)
      }
    }
    guard let builders = sizes.builders.last else { return }
    try await farm.rows.addInSingleFile(sizes.throughputSeconds * 2_000)
    progress("\(builders) builders, \(JobEnding.compileFailure.rawValue), single file")
    try keep(
      try await farm.withBackend {
        try await Throughput.measure(
          $0, builders: builders, ending: .compileFailure, seconds: sizes.throughputSeconds,
          isSingleFile: true)
      })
  }

  private mutating func keep(_ throughput: Throughput) throws {
    progress("  \(Int(throughput.jobsPerSecond)) jobs a second")
    report.throughput.append(throughput)
    try report.write(to: output)
  }

  private mutating func measureLoad() async throws {
    let (farm, sizes) = (farm, sizes)
    guard sizes.load > .zero, let rows = sizes.rows.last else { return }
    progress("load of \(sizes.loadBuilders) builders for \(sizes.load)")
    report.load = try await farm.withBackend {
      try await Load.measure(
        $0, builders: sizes.loadBuilders, rows: rows, duration: sizes.load)
    }
    try report.write(to: output)
  }
}
