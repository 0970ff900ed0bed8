import Backend
import BuilderProtocol
import Database
import ExecutorKit
import FarmModel
import Foundation
import Postgres
import Signing
import SimulatedBuilders
import Testing
import Transfer

@Suite("the HTTP API", .timeLimit(.minutes(2)))
struct BackendAPITests {
  private func isProblem(_ answer: BackendFarm.Answer, _ status: Int, _ kind: String) -> Bool {
    answer.status == status && answer.json("status") == "\(status)"
      && answer.headers["Content-Type"] == "application/problem+json"
      && answer.json("type") == "urn:builds.rs:problem:\(kind)"
      && !answer.json("title").isEmpty && !answer.json("detail").isEmpty
  }

  @Test("errors are problem documents, whoever makes them")
  func problems() async throws {
    try await BackendFarm.with { farm in
      let missing = try await farm.get("/nowhere")
      #expect(isProblem(missing, 404, "not-found"), "\(missing)")
      let method = try await farm.send("DELETE", "/api/v1/crates")
      #expect(isProblem(method, 405, "method-not-allowed"), "\(method)")
      #expect(method.headers["Allow"] == "GET, HEAD")
      for path in [
        "/api/v1/crates/none", "/api/v1/crates/%00", "/api/v1/crates/a%2Fb", "/api/v1/jobs/99",
        "/api/v1/jobs/x", "/api/v1/artifacts/abc/x.tar.gz", "/download/x/y",
      ] {
        let answer = try await farm.get(path)
        #expect(isProblem(answer, 404, "not-found"), "\(path): \(answer.text)")
      }
      let limit = try await farm.get("/api/v1/crates?limit=0")
      #expect(isProblem(limit, 400, "invalid-request"), "\(limit)")
      let gateway = try await farm.get("/api/v1/builder")
      #expect(gateway.status == 426)
    }
  }

  @Test("crates are found page by page, with their newest version")
  func search() async throws {
    try await BackendFarm.with { farm in
      try await farm.report(
        [BackendFarm.registry]
          + [
            ("a-tool", "1.0.0"), ("a-tool", "2.0.0-rc.1"), ("b-tool", "0.1.0"), ("c", "1.0.0"),
          ].map { try BackendFarm.version($0, $1) })
      let first = try await farm.get("/api/v1/crates?query=TOOL&limit=1")
      #expect(first.json("crates", "0", "name") == "a-tool")
      #expect(first.json("crates", "0", "newest_version") == "1.0.0")
      #expect(first.headers["Cache-Control"] == "public, max-age=30")
      let cursor = first.json("next_cursor")
      let second = try await farm.get("/api/v1/crates?query=TOOL&limit=1&cursor=\(cursor)")
      #expect(second.json("crates", "0", "name") == "b-tool")
      let tag = try #require(second.headers["ETag"])
      let again = try await farm.get(
        "/api/v1/crates?query=TOOL&limit=1&cursor=\(cursor)", headers: ["If-None-Match": tag])
      #expect(again.status == 304)
      for name in ["query", "target", "cursor"] {
        #expect(try await farm.get("/api/v1/crates?\(name)=%00").status == 200, "\(name)")
      }
    }
  }

  @Test("versions are named with + and with %2B, and by latest")
  func versionNames() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([
        BackendFarm.registry, try BackendFarm.version("tool", "1.0.0+x.1"),
        try BackendFarm.version("tool", "2.0.0", yanked: true),
        try BackendFarm.version("tool", "3.0.0-rc.1"),
      ])
      for name in ["1.0.0+x.1", "1.0.0%2Bx.1", "latest"] {
        let answer = try await farm.get("/api/v1/crates/Tool/\(name)")
        #expect(answer.json("version") == "1.0.0+x.1", "\(name): \(answer.text)")
        #expect(answer.json("crate") == "tool")
      }
      let crate = try await farm.get("/api/v1/crates/tool")
      #expect(crate.json("versions", "0", "version") == "3.0.0-rc.1")
      #expect(crate.json("newest_version") == "1.0.0+x.1")
    }
  }

  @Test("a build is asked for where there is a plan, and not where there is none")
  func asking() async throws {
    try await BackendFarm.with { configuration in
      configuration.requestsPerMinute = 4
    } _: { farm in
      try await farm.report([
        BackendFarm.registry, try BackendFarm.version("tool"),
        try BackendFarm.version("library", binaries: []),
        try BackendFarm.version("gone", yanked: true),
      ])
      let raised = try await farm.send("POST", "/api/v1/crates/tool/1.0.0/\(BackendFarm.x86)")
      #expect(raised.status == 202, "\(raised.text)")
      #expect(raised.json("class") == "request" && raised.json("state") == "pending")
      for crate in ["library", "gone"] {
        let answer = try await farm.send("POST", "/api/v1/crates/\(crate)/1.0.0/\(BackendFarm.x86)")
        #expect(isProblem(answer, 409, "no-plan"), "\(answer.text)")
      }
      let foreign = try await farm.send("POST", "/api/v1/crates/tool/1.0.0/mips-unknown-linux-gnu")
      #expect(isProblem(foreign, 409, "no-plan"), "\(foreign.text)")
      let limited = try await farm.send("POST", "/api/v1/crates/tool/1.0.0/\(BackendFarm.x86)")
      #expect(isProblem(limited, 429, "too-many-requests"))
      // Four a minute: in 15 s, less what this test has taken.
      #expect((1...15).contains(Int(limited.headers["Retry-After"] ?? "") ?? 0))
      let why = try await farm.get("/api/v1/crates/library/1.0.0/\(BackendFarm.x86)")
      #expect(why.json("state") == "skipped" && why.json("reason") == "the version has no binary")
    }
  }

  @Test("what there is: targets, recipes, builders, queue, numbers, metrics")
  func overview() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      let targets = try await farm.get("/api/v1/targets")
      #expect(targets.json("targets", "0", "triple") == BackendFarm.arm)
      #expect(targets.json("targets", "1", "rust") == ">=1.80")
      #expect(try await farm.get("/api/v1/recipes/tool").json("crate") == "tool")
      let queue = try await farm.get("/api/v1/queue")
      #expect(queue.json("jobs", "0", "crate") == "tool")
      #expect(queue.json("counts", "0", "count") == "1")
      let stats = try await farm.get("/api/v1/stats")
      #expect(stats.json("crates") == "1" && stats.json("jobs", "pending") == "2")
      #expect(stats.json("signing_keys", "0", "public_key") == farm.key.publicKey.base64)
      try await ScriptedBuilder(name: "b").work(farm, ready: false) { session in
        try await session.send(.heartbeat(Heartbeat(attempts: [])))
        _ = try await session.next()
        let builders = try await farm.get("/api/v1/builders")
        #expect(
          builders.json("builders", "0", "capabilities", "targets", "0", "health") == "ready")
        let metrics = try await farm.get("/metrics")
        #expect(metrics.text.contains("\nbuildsrs_connected_builders 1\n"))
        #expect(
          metrics.text.contains(
            "\nbuildsrs_jobs{target=\"\(BackendFarm.x86)\",state=\"pending\"} 1\n"))
        #expect(metrics.text.contains("buildsrs_requests_total{status=\"200\"}"))
      }
      #expect(try await farm.get("/healthz").text == "ok\n")
      #expect(try await farm.get("/readyz").text == "ready\n")
    }
  }

  @Test("a storage that has lost its marker makes the backend unready")
  func lostMarker() async throws {
    try await BackendFarm.with { farm in
      try FileManager.default.removeItem(atPath: farm.storageRoot + "/farm.json")
      let answer = try await farm.get("/readyz")
      #expect(isProblem(answer, 503, "unavailable"), "\(answer)")
    }
  }

  @Test("somebody who follows a log does not hold up the end of the backend")
  func followedStop() async throws {
    let (times, left) = AsyncStream.makeStream(of: ContinuousClock.Instant.self)
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      try await ScriptedBuilder().work(farm) { session in
        let job = try await session.assigned()
        try await session.log(job, 1, "first\n")
        let stream = try await farm.stream("/api/v1/jobs/\(job.job)/log?follow")
        var events = stream.makeAsyncIterator()
        #expect(try await events.next() != nil)
        left.yield(.now)
      }
    }
    var iterator = times.makeAsyncIterator()
    let begin = try #require(await iterator.next())
    #expect(ContinuousClock.now - begin < .seconds(10))
  }

  @Test("a running attempt's log is followed to its end as events")
  func follow() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      try await ScriptedBuilder().work(farm) { session in
        let job = try await session.assigned()
        try await session.log(job, 1, "first\n")
        let stream = try await farm.stream("/api/v1/jobs/\(job.job)/log?follow")
        #expect(stream.headers["Content-Type"] == "text/event-stream")
        var events = stream.makeAsyncIterator()
        #expect(try await events.next() == Array("data: first\ndata: \n\n".utf8))
        try await session.log(job, 2, "second \u{0}")
        let last = try await session.finish(job, .failed(.compile, message: "no"))
        #expect(last == .accepted(job.reference))
        var rest: [UInt8] = []
        while let piece = try await events.next() { rest += piece }
        #expect(
          String(decoding: rest, as: UTF8.self)
            == "data: second \u{FFFD}\n\nevent: end\ndata: compile\n\n")
        let whole = try await farm.get("/api/v1/jobs/\(job.job)/log?attempt=1")
        #expect(whole.text == "first\nsecond \u{FFFD}")
      }
    }
  }
}
