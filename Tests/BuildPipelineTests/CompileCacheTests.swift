import ExecutorKit
import FarmModel
import Foundation
import Testing

@testable import BuildPipeline

@Suite("A compile cache", .timeLimit(.minutes(2)))
struct CompileCacheTests {
  private func report(
    program: String = "/bin/true", independent: Bool = false,
    script: [String: String] = ["host-digest": "sha256:host"],
    prepare: (_ folder: String) throws -> Void = { _ in }
  ) async throws -> (AttemptOutcome?, BuildReport?) {
    try await FakeBuild.with(script: script) { build in
      var build = build
      build.compileCache = CompileCache(program: program, directory: build.folder + "/cache")
      build.isIndependent = independent
      try prepare(build.folder + "/cache")
      let answer = try await build.run()
      return (answer.outcome, answer.report)
    }
  }

  @Test("what was built with one says so")
  func told() async throws {
    #expect(try await report().1?.environment.facts["compile cache"]?.hasPrefix("sccache") == true)
  }

  @Test("a build that verifies another uses none")
  func verification() async throws {
    let (outcome, report) = try await report(independent: true)
    #expect(outcome == .succeeded)
    #expect(report?.environment.facts["compile cache"] == nil)
  }

  @Test("an environment in which the builder's programs do not run gets none")
  func emulated() async throws {
    let (outcome, report) = try await report(script: [:])
    #expect(outcome == .succeeded)
    #expect(report?.environment.facts["compile cache"] == nil)
  }

  @Test("a program that is not there is the builder's fault")
  func missing() async throws {
    let (outcome, _) = try await report(program: "/nowhere/sccache")
    #expect(outcome?.failureClass == .infrastructure)
    #expect(outcome?.message?.contains("/nowhere/sccache") == true)
  }

  @Test("one that an earlier build has filled is not this build's fault, and the remedy is told")
  func filledBefore() async throws {
    let (outcome, _) = try await report { try fillBeyondMeasure($0 + "/sccache") }
    #expect(outcome?.failureClass == .infrastructure)
    #expect(outcome?.message?.contains("/cache/sccache has more") == true)
    #expect(outcome?.message?.contains("remove that directory") == true)
  }

  @Test("an environment that can use it is made again with it, and no other ever sees it")
  func mounts() async throws {
    let without = AttemptFolders(request(directory: "/var/domain"))
    #expect(!without.mounts.contains { $0.source.hasPrefix("/var/domain") })
    var with = without
    with.compileCache = CompileCache(program: "/usr/bin/sccache", directory: "/var/domain")
    #expect(with.mounts.contains { $0.source == "/var/domain/sccache" })
  }

  private func request(directory: String) -> HostBuildRequest {
    HostBuildRequest(
      identity: AttemptIdentity(owner: "test", job: 1, attempt: 1),
      plan: Plan(
        inputs: BuildInputs(
          crate: "demo", version: "1.0.0", checksum: "", target: "x86_64-unknown-linux-gnu",
          executor: "fake", configuration: .map([:])), checks: BuildChecks(), limits: Limits()),
      sourceURL: "",
      downloadTemplate: "", workDirectory: "/attempt", storeDirectory: "/store",
      filesDirectory: "/",
      cacheDirectory: "/modules",
      compileCache: CompileCache(program: "/usr/bin/sccache", directory: directory))
  }

  @Test("Rust is called through it, and only its own directory is writable besides")
  func parts() {
    let cache = CompileCache(program: "/usr/bin/sccache", directory: "/var/domain")
    #expect(cache.variables["RUSTC_WRAPPER"] == "/build/tools/sccache")
    #expect(cache.variables["SCCACHE_DIR"] == "/build/compile-cache")
    #expect(
      cache.mounts(tools: "/attempt/tools").filter(\.isWritable) == [
        Mount(source: "/var/domain/sccache", destination: "/build/compile-cache", isWritable: true)
      ])
  }
}

/// Nests folders so deeply that nobody looks at all of them, in place of many gibibytes.
func fillBeyondMeasure(_ folder: String) throws {
  try FileManager.default.createDirectory(
    atPath: folder + String(repeating: "/d", count: 300), withIntermediateDirectories: true)
}
