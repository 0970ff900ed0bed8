import CommandLineSupport
import Foundation
import Postgres
import SimulatedBuilders
import UnixSignals

/// One run from the start of the farm to the verdict. Whatever happens, all processes are stopped.
struct FaultRun: Sendable {
  let plan: FaultPlan
  let options: Farm.Options
  let drainLimit: Duration
  let sabotage: Sabotage?

  /// Runs; SIGINT and SIGTERM end it in order.
  func uninterrupted() async -> Result<Report, any Error> {
    await withTaskGroup(of: Result<Report, any Error>?.self) { group in
      group.addTask {
        for await signal in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
          return .failure(CommandFailure("interrupted by \(signal)"))
        }
        return nil
      }
      group.addTask {
        do { return .success(try await run()) } catch { return .failure(error) }
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      // A run that is interrupted stops its processes first.
      await group.waitForAll()
      return first ?? .failure(CancellationError())
    }
  }

  private func run() async throws -> Report {
    var proxies: [Proxy] = []
    for _ in 0..<options.backends { proxies.append(try await Proxy()) }
    // No child of this task: they serve until all who connect have stopped, also when this task is
    // cancelled. A connection that is accepted while its listener ends is a mistake to NIO.
    let serving = Task { [proxies] in
      await withDiscardingTaskGroup { group in
        for proxy in proxies { group.addTask { await proxy.run() } }
      }
    }
    let result: Result<Report, any Error>
    do { result = .success(try await run(proxies)) } catch { result = .failure(error) }
    serving.cancel()
    await serving.value
    return try result.get()
  }

  private func run(_ proxies: [Proxy]) async throws -> Report {
    let farm = try await Farm.prepare(options, proxies: proxies)
    let injector = Injector(plan: plan, farm: farm)
    let result: Result<Drain.Times, any Error>
    do { result = .success(try await work(farm, injector)) } catch { result = .failure(error) }
    await farm.stop()
    do {
      let report = try await judge(farm, injector, try result.get())
      try await farm.database.stop()
      return report
    } catch {
      try? await farm.database.stop()
      throw error
    }
  }

  /// Injects, heals and drains.
  private func work(_ farm: Farm, _ injector: Injector) async throws -> Drain.Times {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for backend in farm.backends { group.addTask { try await backend.start() } }
      try await group.waitForAll()
    }
    try await farm.fleet.enrol(on: farm.database.address)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await farm.fleet.run() }
      for backend in farm.backends { group.addTask { await backend.watch() } }
      defer { group.cancelAll() }
      try await injector.run()
      farm.note("the faults are over")
      try await farm.heal()
      // What was on the way to a backend that had been stopped has arrived by then.
      try await Task.sleep(for: .seconds(2))
      try await farm.registry.reportUnsure()
      return try await Drain(farm: farm, jobLimit: drainLimit).run()
    }
  }

  private func judge(
    _ farm: Farm, _ injector: Injector, _ drain: Drain.Times
  ) async throws -> Report {
    let connection = try await PostgresConnection(connecting: farm.database.address)
    try await sabotage?.perform(on: connection, storage: farm.storage)
    let verdict = Verdict(
      connection: connection, storage: farm.storage, book: farm.book,
      versions: Array(farm.registry.versions.values),
      builders: farm.fleet.builders.map(\.simulated.name))
    let report = Report(
      seed: plan.seed, schedule: plan.digest, sizes: plan.sizes,
      injected: Dictionary(
        uniqueKeysWithValues: injector.counts.map { ($0.key.rawValue, $0.value) }),
      outcomes: try await Report.outcomes(connection), conversation: farm.book.counts,
      drain: drain, checks: try await verdict.checks())
    await connection.close()
    return report
  }
}
