import Foundation
import Synchronization

/// Does to the farm what the plan says, when it says it.
final class Injector: Sendable {
  struct Count: Codable, Sendable {
    var planned = 0
    var done = 0
    /// There was nothing to do it to, or its part of the farm was still busy.
    var skipped = 0
    /// How many connections, or seconds, it came to.
    var extent = 0.0
  }

  private let plan: FaultPlan
  private let farm: Farm
  private let state = Mutex<[FaultKind: Count]>([:])

  init(plan: FaultPlan, farm: Farm) {
    self.plan = plan
    self.farm = farm
  }

  var counts: [FaultKind: Count] { state.withLock { $0 } }

  /// Publishes and injects until the plan's time is over.
  func run() async throws {
    let start = ContinuousClock.now
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await self.publish(since: start) }
      for fault in plan.faults {
        state.withLock { $0[fault.kind, default: Count()].planned += 1 }
        group.addTask {
          try await Task.sleep(until: start + .seconds(fault.at))
          await self.inject(fault)
        }
      }
      try await group.waitForAll()
    }
    try await Task.sleep(until: start + .seconds(plan.sizes.seconds))
  }

  private func publish(since start: ContinuousClock.Instant) async throws {
    var next = 0
    while next < plan.sizes.versions {
      try await Task.sleep(until: start + .seconds(plan.publication(of: next)))
      // What was due while the last report was not answered goes with the next one.
      let now = (ContinuousClock.now - start) / .seconds(1)
      let due = (next..<plan.sizes.versions).prefix { plan.publication(of: $0) <= now }
      try await farm.registry.publish(Array(due.prefix(200)))
      next += min(due.count, 200)
    }
  }

  private func inject(_ fault: Fault) async {
    farm.note("\(fault.kind.rawValue) \(fault.subject), \(rounded(fault.seconds)) s")
    var extent: Double?
    do { extent = try await perform(fault) } catch {
      farm.note("\(fault.kind.rawValue) \(fault.subject): \(error)")
    }
    state.withLock { [extent] state in
      if let extent {
        state[fault.kind, default: Count()].done += 1
        state[fault.kind, default: Count()].extent += extent
      } else {
        state[fault.kind, default: Count()].skipped += 1
      }
    }
  }

  /// - Returns: how much of it was done; nil: nothing.
  private func perform(_ fault: Fault) async throws -> Double? {
    switch fault.kind {
    case .backendKill, .backendPause, .backendStop: try await harmBackend(fault)
    case .postgresRestart, .postgresFreeze, .postgresPause, .postgresTerminate, .postgresLock:
      try await harmDatabase(fault)
    case .networkCut, .networkHold, .networkDelay, .networkRefuse: await harmNetwork(fault)
    case .yank, .replan: try await changeVersion(fault)
    case .operatorRetry, .operatorRebuild: try await operate(fault)
    default: await harmBuilder(fault)
    }
  }

  private func harmBackend(_ fault: Fault) async throws -> Double? {
    let backend = farm.backends[fault.subject]
    let isDone =
      switch fault.kind {
      case .backendKill: try await backend.kill(SIGKILL, startingAfter: fault.seconds)
      case .backendStop: try await backend.kill(SIGTERM, startingAfter: fault.seconds)
      default: try await backend.pause(for: fault.seconds)
      }
    return isDone ? fault.seconds : nil
  }

  private func harmDatabase(_ fault: Fault) async throws -> Double? {
    let server = farm.database
    if fault.kind == .postgresRestart {
      return try await server.crash(for: fault.seconds) ? fault.seconds : nil
    }
    if fault.kind == .postgresFreeze {
      return await server.freeze(server.all(), for: fault.seconds) ? fault.seconds : nil
    }
    if fault.kind == .postgresLock {
      try await server.lockJobs(for: fault.seconds)
      return fault.seconds
    }
    let connections = try await server.connections()
    guard !connections.isEmpty else { return nil }
    let first = Int(fault.amount * Double(connections.count))
    if fault.kind == .postgresPause {
      let isDone = await server.freeze([connections[first]], for: fault.seconds)
      return isDone ? fault.seconds : nil
    }
    let chosen = (connections + connections)[first...].prefix(1 + connections.count / 3)
    return Double(try await server.terminate(Array(chosen)))
  }

  private func harmNetwork(_ fault: Fault) async -> Double? {
    let proxy = farm.backends[fault.subject].proxy
    switch fault.kind {
    case .networkCut:
      var random = SeededGenerator(seed: plan.seed, of: fault.line)
      return Double(proxy.cut { random.fraction() < 0.3 + 0.7 * fault.amount })
    case .networkHold: proxy.hold(for: .seconds(fault.seconds))
    case .networkRefuse: proxy.refuse(for: .seconds(fault.seconds))
    default: proxy.delay(by: .milliseconds(Int(5 + 400 * fault.amount * fault.amount)))
    }
    try? await Task.sleep(for: .seconds(fault.seconds))
    if fault.kind == .networkDelay { proxy.delay(by: .zero) }
    return fault.seconds
  }

  private func harmBuilder(_ fault: Fault) async -> Double? {
    let builder = farm.fleet.builders[fault.subject]
    switch fault.kind {
    case .builderKill: await builder.die(for: fault.seconds)
    case .builderPause: await builder.freeze(for: fault.seconds)
    case .builderReconnect: await builder.reconnect()
    case .secondConnection: return await builder.double(for: fault.seconds) ? fault.seconds : nil
    default: return await builder.misbehave(fault.kind) ? 1 : nil
    }
    return fault.seconds
  }

  private func operate(_ fault: Fault) async throws -> Double? {
    let name = "operator-\(Int(fault.at * 1000))"
    let isDone =
      fault.kind == .operatorRetry
      ? try await farm.staff.retry(fault.amount, name: name)
      : try await farm.staff.rebuild(fault.amount, name: name)
    return isDone ? 1 : nil
  }

  private func changeVersion(_ fault: Fault) async throws -> Double? {
    let registry = farm.registry
    // Where publishing is late, one of the last takes the place of one that is not there yet.
    let published = registry.versions.count
    guard published > 0 else { return nil }
    let version =
      fault.subject < published ? fault.subject : max(0, published - 1 - fault.subject % 8)
    guard fault.kind == .yank else {
      return try await registry.change(version) { $0.revision += 1 } ? 1 : nil
    }
    guard try await registry.change(version, { $0.isYanked = true }) else { return nil }
    try? await Task.sleep(for: .seconds(fault.seconds))
    // Some stay yanked for good.
    if fault.amount < 0.7 {
      _ = try await registry.change(version) { $0.isYanked = false }
    }
    return fault.seconds
  }
}

func rounded(_ seconds: Double) -> String { String((seconds * 10).rounded() / 10) }
