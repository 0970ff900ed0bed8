import Archives
import BuildPipeline
import Cryptography
import ExecutorKit
import FarmModel
import Foundation
import Testing

@Suite("A published archive that is checked once more")
struct CheckTests {
  /// The machine's own programs in an archive, behind a local server.
  private struct Served {
    var folder: String
    var file: CheckedFile
    var plan: Plan

    func run(_ change: (inout HostBuildRequest) -> Void = { _ in }) async throws -> HostAnswer {
      var request = HostBuildRequest(
        identity: AttemptIdentity(owner: "test", job: 7, attempt: 1), plan: plan,
        sourceURL: "http://127.0.0.1:9/never", downloadTemplate: "http://127.0.0.1:9/never",
        workDirectory: folder + "/work", storeDirectory: folder + "/store",
        filesDirectory: folder, cacheDirectory: folder + "/modules", check: file)
      change(&request)
      return try await askHost("FakeExecutor", .build(request))
    }
  }

  private func served(
    smoke: [SmokeTest] = [], programs: [String: String] = ["demo": "/bin/true"],
    _ body: (Served) async throws -> Void
  ) async throws {
    try await FakeBuild.with { build in
      let path = build.folder + "/published.tar.gz"
      try writeReproducibleTarGz(
        entries: programs.map {
          ArchiveInput(path: $0, isExecutable: true, content: .file(path: $1))
        } + [
          ArchiveInput(path: "README.md", content: .bytes(Array("text".utf8))),
          ArchiveInput(path: "doc/run.sh", isExecutable: true, content: .bytes(Array("#!".utf8))),
        ], to: path, modificationTime: 0)
      let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
      let server = try LocalServer { request, connection in
        request.target == "/demo.tar.gz" ? connection.answer(200, bytes) : connection.answer(404)
      }
      defer { server.stop() }
      var plan = build.plan
      plan.checks.smoke = smoke
      try await body(
        Served(
          folder: build.folder,
          file: CheckedFile(url: server.url + "/demo.tar.gz", sha256: SHA256.hex(of: bytes)),
          plan: plan))
    }
  }

  @Test("its programs are inspected and started, and nothing is fetched of the crate or built")
  func passes() async throws {
    try await served(smoke: [SmokeTest(arguments: [], expect: "^demo 1")]) { test in
      let answer = try await test.run()
      #expect(answer.outcome == .succeeded, "\(answer.log)")
      #expect(answer.stages == [.fetch, .prepare, .inspect, .smoke])
      let report = try #require(answer.report)
      #expect(report.binaries.map(\.name) == ["demo"])
      let digest = try SHA256.hex(ofFile: "/bin/true").0
      #expect(report.binaries.first?.sha256 == digest)
      #expect(report.binaries.first?.smoke.map(\.verdict) == [.expected])
      #expect(report.artifacts.isEmpty)
    }
  }

  @Test("an expectation that is not met fails it")
  func unmet() async throws {
    try await served(smoke: [SmokeTest(arguments: [], expect: "^never")]) { test in
      let answer = try await test.run()
      #expect(answer.outcome?.failureClass == .smoke, "\(answer.log)")
      #expect(answer.report == nil)
    }
  }

  @Test("a test of a binary that is not there fails it, and is no test of another one")
  func otherBinary() async throws {
    try await served(smoke: [SmokeTest(binary: "other", arguments: [])]) { test in
      let answer = try await test.run()
      #expect(answer.outcome?.failureClass == .smoke, "\(answer.log)")
      #expect(answer.outcome?.message?.hasSuffix("there is none of that name: demo") == true)
    }
  }

  @Test("a library that the target does not promise fails it")
  func library() async throws {
    try await served(programs: ["demo": "/bin/bash"]) { test in
      let answer = try await test.run { $0.plan.checks.needed = ["libc.so.6"] }
      #expect(answer.outcome?.failureClass == .inspection, "\(answer.log)")
      #expect(answer.outcome?.message?.contains("libtinfo") == true)
    }
  }

  @Test("what cannot be fetched, or is not what was published, is no fault of the crate")
  func notFetched() async throws {
    try await served { test in
      let missing = try await test.run { $0.check?.url += ".old" }
      #expect(missing.outcome?.failureClass == .infrastructure)
      #expect(missing.outcome?.message?.contains("is answered with status 404") == true)
      let other = try await test.run { $0.check?.sha256 = String(repeating: "0", count: 64) }
      #expect(other.outcome?.failureClass == .infrastructure)
      #expect(other.outcome?.message?.contains("has the sha256") == true)
    }
    try await served(programs: [:]) { test in
      let empty = try await test.run()
      #expect(empty.outcome?.message?.hasSuffix("holds no program") == true, "\(empty.log)")
    }
  }
}
