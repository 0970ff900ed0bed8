import BuildPipeline
import ExecutorKit
import FarmModel
import Foundation
import Subprocess
import TestSupport
import Testing

/// The boundary between host and modules, through real processes and real shared libraries.
@Suite(.timeLimit(.minutes(2))) struct ModuleHostTests {
  @Test("a module describes itself")
  func describe() async throws {
    let answer = try await askHost("FakeExecutor", .describe)
    guard case .described(let description)? = answer.events.first else {
      Issue.record("\(answer)")
      return
    }
    #expect(description.name == "fake")
    #expect(description.kitVersion == executorKitVersion)
    #expect(description.configuration.contains { $0.name == "wait-for" })
    #expect(answer.ending == .exited(0))
  }

  @Test("a module of another kit version is refused before it is used")
  func wrongVersion() async throws {
    let answer = try await askHost("WrongVersionExecutor", .describe)
    let path = TestPrograms.module("WrongVersionExecutor")
    #expect(
      answer.refusal
        == "\(path) was built with version 43 of ExecutorKit, this program has version 2. Build the"
        + " module again with the kit of this release")
    #expect(answer.ending == .exited(0))
  }

  @Test("a library without the entry point is refused")
  func missingSymbol() async throws {
    let answer = try await askHost("NoEntryExecutor", .describe)
    #expect(answer.refusal?.contains("does not export buildsrs_executor_module") == true)
    #expect(answer.ending == .exited(0))
  }

  @Test("a file that is absent is refused with the loader's reason")
  func absent() async throws {
    let answer = try await askHost("AbsentExecutor", .describe)
    #expect(answer.refusal?.contains("cannot open shared object file") == true)
  }

  @Test("a line that is no request is refused, and an absent one ends the host")
  func badRequests() async throws {
    for line in ["{}", "no JSON", #"{"build":{"_0":{}}}"#, ""] {
      let answer = try await askHost("FakeExecutor", line)
      #expect(answer.refusal?.contains("not understood") == true, "\(line)")
      #expect(answer.ending == .exited(0))
    }
    let answer = try await askHost("FakeExecutor", "cancel")
    #expect(answer.events.isEmpty)
    #expect(answer.ending == .exited(1))
  }

  @Test("a probe answers for every target that it was asked about")
  func probe() async throws {
    func target(_ triple: String, _ probe: String) -> ProbeRequest.Target {
      ProbeRequest.Target(triple: triple, configuration: .map(["probe": .text(probe)]))
    }
    let request = ProbeRequest(
      targets: [target("a-b-c", "ready"), target("d-e-f", "unhealthy"), target("g-h-i", "absent")],
      filesDirectory: "/", cacheDirectory: "/nowhere")
    let answer = try await askHost("FakeExecutor", .probe(request))
    guard case .probed(let report)? = answer.events.first else {
      Issue.record("\(answer)")
      return
    }
    #expect(
      report.targets == [
        "a-b-c": .ready(toolchains: ["1.96.0"]),
        "d-e-f": .unhealthy(reason: "told to be unhealthy", remedy: "change `probe`"),
        "g-h-i": .absent(reason: "told to be absent"),
      ])
  }

  @Test("a module that crashes takes only its host down")
  func crashInProbe() async throws {
    let target = ProbeRequest.Target(
      triple: "a-b-c", configuration: .map(["probe": .text("crash")]))
    let request = ProbeRequest(targets: [target], filesDirectory: "/", cacheDirectory: "/nowhere")
    let answer = try await askHost("FakeExecutor", .probe(request))
    #expect(answer.events.isEmpty)
    #expect(answer.errors.contains("told to crash in probe"))
    if case .exited = answer.ending { Issue.record("it must end by a signal") }
  }
}

@Suite(.timeLimit(.minutes(2))) struct AttemptTests {
  @Test("a build goes through all stages and leaves its artifacts")
  func success() async throws {
    try await FakeBuild.with(script: ["log": "hello from the build"]) { build in
      let answer = try await build.run()
      #expect(answer.outcome == .succeeded)
      #expect(answer.stages == [.fetch, .prepare, .build, .inspect, .smoke, .package])
      #expect(answer.log.contains("hello from the build\n"))
      let report = try #require(answer.report)
      #expect(report.binaries.map(\.name) == ["demo"])
      #expect(report.binaries[0].smoke.map(\.output) == ["demo 1.0.0\n"])
      #expect(report.binaries[0].smoke.map(\.verdict) == [.answered])
      #expect(report.environment.rustVersion == "1.96.0")
      let target = build.plan.inputs.target
      #expect(
        report.artifacts.map(\.name) == [
          "demo-1.0.0-\(target).tar.gz",
          ArtifactName.debian(crate: "demo", version: "1.0.0", target: target),
          "demo-1.0.0-\(target).sbom.cdx.json", "demo-1.0.0-\(target).metadata.json",
        ])
      #expect(report.artifacts.map(\.kind) == [.binary, .debian, .sbom, .metadata])
      for artifact in report.artifacts {
        let path = build.folder + "/work/artifacts/" + artifact.name
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64
        #expect(size == artifact.size)
      }
      #expect(answer.ending == .exited(0))
    }
  }

  @Test("two builds of one plan have the same bytes")
  func reproducible() async throws {
    let digests = try await FakeBuild.with { build in
      let first = try await build.run().report?.artifacts.map(\.sha256)
      try FileManager.default.removeItem(atPath: build.folder + "/work")
      return (first, try await build.run().report?.artifacts.map(\.sha256))
    }
    #expect(digests.0 != nil)
    #expect(digests.0 == digests.1)
  }

  @Test("a module that fails in a class fails the attempt in it", arguments: FailureClass.allCases)
  func failureClasses(failureClass: FailureClass) async throws {
    let word = failureClass.rawValue
    for key in ["prepare", "command"] {
      try await FakeBuild.with(script: [key: "fail:\(word)"]) { build in
        let answer = try await build.run()
        #expect(answer.outcome == .failed(failureClass, message: "told to fail: \(word)"))
        #expect(answer.report == nil)
        #expect(answer.ending == .exited(0))
      }
    }
  }

  @Test(
    "the end of the build command decides the class",
    arguments: [
      (["command": "exit:101", "log": "error: linking with `cc` failed"], FailureClass.link),
      (["command": "exit:101", "log": "error[E0308]: mismatched types"], .compile),
      (["command": "exit:101", "log": "No space left on device"], .diskFull),
      (["command": "timeout"], .timeout), (["command": "oom"], .outOfMemory),
      (["command": "signal:9"], .infrastructure), (["binary": ""], .noBinaries),
      (["binary": "/etc/passwd"], .inspection), (["smoke": "signal:11"], .smoke),
      (["smoke": "exit:101"], .smoke), (["command": "exit:127"], .infrastructure),
    ])
  func endings(script: [String: String], expected: FailureClass) async throws {
    try await FakeBuild.with(script: script) { build in
      let answer = try await build.run()
      #expect(answer.outcome?.failureClass == expected, "\(answer.outcome as Any)")
    }
  }

  @Test("a build that prints without end is ended at its log limit")
  func logLimit() async throws {
    try await FakeBuild.with(script: ["command": "chatter"]) { build in
      var build = build
      build.plan.limits.log = 20_000
      let answer = try await build.run()
      #expect(answer.outcome?.failureClass == .logLimit)
      #expect(answer.log.utf8.count < 21_000)
      #expect(answer.log.contains("[the log ends here: its limit of 20000 bytes is reached]"))
    }
  }

  @Test(
    "a module that crashes in a build ends the host by a signal", arguments: ["prepare", "command"])
  func crash(key: String) async throws {
    try await FakeBuild.with(script: [key: "crash"]) { build in
      let answer = try await build.run()
      #expect(answer.outcome == nil)
      #expect(answer.errors.contains("told to crash"))
      if case .exited = answer.ending { Issue.record("it must end by a signal") }
    }
  }
}
