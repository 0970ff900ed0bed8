import ExecutorKit
import FarmModel
import Foundation
import Testing

@testable import BuildPipeline

@Suite("A compile cache", .timeLimit(.minutes(2)))
struct CompileCacheTests {
  private func report(
    program: String = "/bin/true", independent: Bool = false,
    script: [String: String] = ["host-digest": "sha256:host"]
  ) async throws -> (AttemptOutcome?, BuildReport?) {
    try await FakeBuild.with(script: script) { build in
      var build = build
      build.compileCache = CompileCache(program: program, directory: build.folder + "/cache")
      build.isIndependent = independent
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

  @Test("Rust is called through it, and only its own directory is writable besides")
  func parts() {
    let cache = CompileCache(program: "/usr/bin/sccache", directory: "/var/domain")
    #expect(cache.variables["RUSTC_WRAPPER"] == "/build/tools/sccache")
    #expect(cache.variables["SCCACHE_DIR"] == "/build/compile-cache")
    #expect(
      cache.mounts(tools: "/attempt/tools").filter(\.isWritable) == [
        Mount(source: "/var/domain", destination: "/build/compile-cache", isWritable: true)
      ])
  }
}
