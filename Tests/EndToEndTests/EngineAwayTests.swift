import Foundation
import LocalFarm
import Testing
import Transfer

@Suite("The Docker engine is away", .serialized, .timeLimit(.minutes(5)))
struct EngineAwayTests {
  static let triple = "aarch64-unknown-linux-gnu"

  @Test("the builder says so with the remedy, gets no such job, and builds what it still can")
  func otherTargetsGoOn() async throws {
    let docker = try String(
      contentsOfFile: Checkout.root + "/targets/\(Self.triple).yaml", encoding: .utf8)
    try await TestFarm.with(
      targets: [
        Self.triple: docker, "x86_64-unknown-linux-gnu": TestFarm.fakeTarget(),
      ],
      modules: ["libDockerCrossExecutor.so", "libFakeExecutor.so"],
      environment: ["DOCKER_HOST": "unix:///nowhere/docker.sock"]
    ) { test in
      try test.registry.publishSimple("good")
      let api = try await test.start()
      let builder = try await test.farm.startBuilder("builder-1")
      try await test.farm.sync(["good"])
      let native = try await test.job(api, "good", "x86_64-unknown-linux-gnu")
      let done = try await test.wait(api, job: native) { $0.isFinal }
      #expect(done.state == "succeeded")

      let waiting = try await api.job(try await test.job(api, "good", Self.triple))
      #expect(waiting.state == "pending")
      #expect(waiting.attempts.isEmpty)
      let builders = String(decoding: try await api.get("/api/v1/builders").body, as: UTF8.self)
      #expect(builders.contains("/nowhere/docker.sock"))
      let log = try String(contentsOfFile: builder.logFile, encoding: .utf8)
      #expect(log.contains("/nowhere/docker.sock"))
    }
  }
}
