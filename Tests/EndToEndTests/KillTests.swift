import Foundation
import LocalFarm
import Testing

/// Nothing is lost when a process dies without a word. The fake module stands in for a build whose
/// end the test decides, through the same processes and loading path as a real one.
@Suite("A process is killed in the middle of a build", .serialized, .timeLimit(.minutes(5)))
struct KillTests {
  static let triple = "x86_64-unknown-linux-gnu"

  @Test("another builder does the job after the lease of a killed builder has ended")
  func builder() async throws {
    let gate = NSTemporaryDirectory() + "buildsrs-gate-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: gate) }
    try await TestFarm.with(
      targets: [Self.triple: TestFarm.fakeTarget("wait-for: \(gate)")],
      modules: ["libFakeExecutor.so"], leaseSeconds: 3
    ) { test in
      try test.registry.publishSimple("victim")
      let api = try await test.start()
      let first = try await test.farm.startBuilder("builder-1")
      try await test.farm.sync(["victim"])
      let job = try await test.job(api, "victim", Self.triple)
      _ = try await test.wait(api, job: job) { $0.attempts.last?.stage == "build" }

      await first.send(SIGKILL)
      _ = await first.ending()
      await test.farm.forget(first)
      try await test.farm.startBuilder("builder-2")
      try Data().write(to: URL(filePath: gate))

      let done = try await test.wait(api, job: job) { $0.isFinal }
      #expect(done.state == "succeeded")
      #expect(done.attempts.map(\.builder) == ["builder-1", "builder-2"])
      #expect(done.attempts.map(\.failure?.failureClass) == ["lease-lost", nil])
      #expect(done.build?.revision == 1)
    }
  }

  @Test("a builder goes on with its build when the backend was killed and has started again")
  func backend() async throws {
    let gate = NSTemporaryDirectory() + "buildsrs-gate-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: gate) }
    try await TestFarm.with(
      targets: [Self.triple: TestFarm.fakeTarget("wait-for: \(gate)")],
      modules: ["libFakeExecutor.so"], leaseSeconds: 30
    ) { test in
      try test.registry.publishSimple("survivor")
      let api = try await test.start()
      try await test.farm.startBuilder("builder-1")
      try await test.farm.sync(["survivor"])
      let job = try await test.job(api, "survivor", Self.triple)
      _ = try await test.wait(api, job: job) { $0.attempts.last?.stage == "build" }

      let backend = try #require(await test.farm.processes.first { $0.name == "backend" })
      await backend.send(SIGKILL)
      _ = await backend.ending()
      await test.farm.forget(backend)
      try Data().write(to: URL(filePath: gate))
      let listen = String(api.origin.dropFirst("http://".count))
      let restarted = try await test.farm.startBackend(listen: listen)
      #expect(restarted == api.origin)

      let done = try await test.wait(api, job: job) { $0.isFinal }
      #expect(done.state == "succeeded")
      #expect(done.attempts.count == 1, "the build is not repeated")
      let log = try await api.log(job)
      #expect(log.contains("fake: build begins"))
    }
  }
}
