import ArgumentParser
import Foundation
import UnixSignals

/// What the queue costs, through the real gateway.
@main
struct BenchQueue: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-queue",
    abstract: "Measures the farm's queue through the real gateway and writes one JSON file.",
    discussion: """
      Starts a PostgreSQL of its own in a temporary directory (durable: fsync and synchronous_commit \
      on, autovacuum on) and backends as processes of their own; removes both at the end. Progress \
      goes to standard error. `./bootstrap bench queue` runs it beside other queues and prints a \
      table; docs/benchmarks.md tells how to read it.

      EXAMPLES
        bench-queue --quick --output quick.json
        bench-queue --rows 10000 --rows 1000000 --load-minutes 0
      """)

  @Flag(help: "Small sizes: 10 and 100 thousand rows, runs of 10 s, half a minute of load.")
  var quick = false
  @Option(help: "Pending rows to measure claims with, ascending; may be given several times.")
  var rows: [Int] = []
  @Option(help: "How long the load lasts.") var loadMinutes: Double?
  @Option(help: "How long each throughput is measured.") var seconds: Int?
  @Option(help: "The file to write.") var output = "bench-queue.json"
  @Option(help: "Where `buildsrs` is (default: beside this program).", completion: .directory)
  var programs: String?
  @Option(help: "The checkout whose migrations are applied.", completion: .directory)
  var checkout = "."
  @Argument(
    parsing: .postTerminator,
    help: "A program to run on the same server meanwhile, after `--`; it gets --database-url URL.")
  var beside: [String] = []

  private var sizes: Sizes {
    var sizes = quick ? Sizes.quick : .full
    if !rows.isEmpty { sizes.rows = rows.sorted() }
    if let loadMinutes { sizes.load = .seconds(loadMinutes * 60) }
    if let seconds { sizes.throughputSeconds = seconds }
    return sizes
  }

  func validate() throws {
    guard rows.allSatisfy({ $0 > 0 }), (seconds ?? 1) > 0, (loadMinutes ?? 0) >= 0 else {
      throw ValidationError("--rows and --seconds must be positive, --load-minutes not negative")
    }
  }

  func run() async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await measure()
        return true
      }
      group.addTask {
        for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return false }
        return false
      }
      let isDone = try await group.next() ?? false
      // The end of the group waits until everything that was started has been stopped.
      group.cancelAll()
      if !isDone { throw BenchFailure("stopped by a signal; what was measured before is written") }
    }
  }

  private func measure() async throws {
    let own = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    let farm = try await BenchFarm.prepare(
      programs: programs ?? own.path(percentEncoded: false), checkout: checkout)
    do {
      var run = QueueRun(
        farm: farm, sizes: sizes, beside: Beside(command: beside), output: output,
        report: Report(isQuick: quick))
      try await run.run()
      await farm.end()
    } catch {
      await farm.end()
      throw error
    }
  }
}
