import BuildPipeline
import ExecutorKit
import FarmModel
import Foundation
import Subprocess
import Testing

@Suite(.timeLimit(.minutes(2))) struct CancellingTests {
  private static func hasBegun(_ event: HostEvent) -> Bool {
    if case .log(let text) = event { text.contains("fake: build begins") } else { false }
  }

  @Test("a cancelled build tears down and says so", arguments: [HostReaction.cancel, .hangUp])
  func cancel(reaction: HostReaction) async throws {
    try await FakeBuild.with(script: ["command": "wait"]) { build in
      let answer = try await build.run { Self.hasBegun($0) ? reaction : .goOn }
      #expect(answer.outcome == .failed(.cancelled, message: "the attempt was cancelled"))
      #expect(answer.ending == .exited(0))
    }
  }

  @Test("a module that ignores cancelling is ended after the grace period")
  func hangs() async throws {
    try await FakeBuild.with(script: ["command": "hang"]) { build in
      let answer = try await build.run(grace: 0) { Self.hasBegun($0) ? .cancel : .goOn }
      #expect(answer.outcome == nil)
      #expect(answer.ending == .exited(75))
    }
  }

  @Test("a build that waits for a file goes on when it appears")
  func waitFor() async throws {
    try await FakeBuild.with { build in
      var build = build
      let path = build.folder + "/go"
      build.plan.inputs.configuration = .map([
        "wait-for": .text(path), "binary": .text("/bin/true"),
      ])
      let answer = try await build.run { event in
        if Self.hasBegun(event) { try? Data().write(to: URL(filePath: path)) }
        return .goOn
      }
      #expect(answer.outcome == .succeeded)
    }
  }
}

@Suite(.timeLimit(.minutes(2))) struct BadSourceTests {
  private func outcome(
    files: [String: String] = FakeBuild.demo, change: (inout Plan) -> Void = { _ in }
  ) async throws -> AttemptOutcome? {
    try await FakeBuild.with(files: files) { build in
      var build = build
      change(&build.plan)
      return try await build.run().outcome
    }
  }

  @Test("a file with another checksum is refused")
  func checksum() async throws {
    let outcome = try await outcome { $0.inputs.checksum = String(repeating: "a", count: 64) }
    #expect(outcome?.failureClass == .fetch)
    #expect(outcome?.message?.contains("not \(String(repeating: "a", count: 64))") == true)
  }

  @Test("a crate without Cargo.toml or Cargo.lock fails in its class")
  func missingFiles() async throws {
    let noManifest = try await outcome(files: ["src/main.rs": "", "Cargo.lock": "version = 3\n"])
    #expect(
      noManifest == .failed(.fetch, message: "the archive has no Cargo.toml at its root"))
    var files = FakeBuild.demo
    files["Cargo.lock"] = nil
    #expect(try await outcome(files: files)?.failureClass == .lockfile)
  }

  @Test("a lockfile with a git source is refused with its line")
  func gitSource() async throws {
    var files = FakeBuild.demo
    files["Cargo.lock"]? +=
      "\n[[package]]\nname = \"x\"\nversion = \"1.0.0\"\nsource = \"git+https://e.org/x#1\"\n"
    let outcome = try await outcome(files: files)
    #expect(outcome?.failureClass == .lockfile)
    #expect(outcome?.message?.contains("line ") == true)
  }

  @Test("a dependency that the registry does not have is a fetch failure")
  func missingDependency() async throws {
    var files = FakeBuild.demo
    files["Cargo.lock"]? += """

      [[package]]
      name = "x"
      version = "1.0.0"
      source = "registry+https://github.com/rust-lang/crates.io-index"
      checksum = "\(String(repeating: "b", count: 64))"

      """
    #expect(try await outcome(files: files)?.failureClass == .fetch)
  }

  @Test("names and paths of a foreign plan never form a path")
  func invalidNames() async throws {
    for name in ["../demo", "", "a b", "demo\n"] {
      #expect(try await outcome { $0.inputs.crate = name }?.failureClass == .infrastructure)
    }
  }

  @Test("a registry that is away is the builder's failure, not the crate's")
  func registryAway() async throws {
    let outcome = try await FakeBuild.with { build in
      build.server.stop()
      return try await build.run().outcome
    }
    #expect(outcome?.failureClass == .infrastructure)
  }
}
