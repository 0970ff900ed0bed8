import ExecutorKit
import Foundation

/// An executor module that does what a target's `fake:` configuration tells it, so that tests meet
/// every way in which a module can end, through the same loading path as the real ones.
///
/// ``FakeScript`` documents the keys. It runs nothing: "cargo" copies a given ELF file, and a smoke
/// run answers a given text.
struct FakeExecutor: ExecutorModule {
  func describe() -> ModuleDescription {
    ModuleDescription(name: "fake", version: "1.0.0", configuration: FakeScript.keys)
  }

  func probe(_ request: ProbeRequest) async -> ProbeReport {
    var targets: [String: TargetHealth] = [:]
    for target in request.targets {
      let script = FakeScript(target.configuration)
      targets[target.triple] =
        switch script.probe {
        case "unhealthy": .unhealthy(reason: "told to be unhealthy", remedy: "change `probe`")
        case "absent": .absent(reason: "told to be absent")
        case "crash": fatalError("told to crash in probe")
        case "hang": await hang()
        default: .ready(toolchains: [script.toolchain])
        }
    }
    return ProbeReport(targets: targets, facts: ["fake": "scripted by the target's YAML"])
  }

  func prepare(
    _ request: PrepareRequest, log: @escaping @Sendable (String) -> Void
  ) async throws -> any BuildEnvironment {
    let script = FakeScript(request.plan.inputs.configuration)
    log("fake: prepare: \(script.prepare)\n")
    switch script.prepare.split(separator: ":").first {
    case "fail": throw script.failure(in: script.prepare)
    case "crash": fatalError("told to crash in prepare")
    case "hang": await hang()
    default: return FakeEnvironment(request: request, script: script)
    }
  }

  /// Takes a while and leaves a program where `BUILDSRS_FAKE_SWEPT` says, if it is set.
  func sweep(_ request: SweepRequest) async throws -> SweepReport {
    if let path = ProcessInfo.processInfo.environment["BUILDSRS_FAKE_SWEPT"] {
      try await Task.sleep(for: .seconds(1))
      try? FileManager.default.copyItem(atPath: "/bin/true", toPath: path)
    }
    return SweepReport(removed: [])
  }
}

/// Never returns and ignores cancellation: what a broken module does.
func hang() async -> Never {
  while true { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
}

@_cdecl("buildsrs_executor_module")
public func entry(
  _ hostVersion: Int32, _ ownVersion: UnsafeMutablePointer<Int32>
) -> UnsafeMutableRawPointer? {
  exportExecutorModule(hostVersion, ownVersion) { FakeExecutor() }
}
