import ExecutorKit
import Glibc

/// Builds on the builder itself, for its own machine, with the Rust and the C compiler of its `/usr`.
struct NativeExecutor: ExecutorModule {
  func describe() -> ModuleDescription {
    // No keys: the target's YAML says `native: {}` or nothing.
    ModuleDescription(name: "native", version: "0.1.0")
  }

  func probe(_ request: ProbeRequest) async -> ProbeReport {
    var (targets, facts): ([String: TargetHealth], [String: String]) = ([:], [:])
    let host: HostTools
    do {
      host = try await HostTools.find()
      facts = ["rustc": host.rustc, "linker": host.linker]
      try await Sandbox.tryOut()
    } catch {
      for target in request.targets {
        targets[target.triple] = .unhealthy(reason: error.message, remedy: Self.remedy)
      }
      return ProbeReport(targets: targets, facts: facts)
    }
    for target in request.targets {
      targets[target.triple] =
        target.triple == host.triple
        ? .ready(toolchains: [host.rustVersion])
        : .absent(reason: "this machine is \(host.triple)")
    }
    return ProbeReport(targets: targets, facts: facts)
  }

  private static let remedy =
    "apt-get install bubblewrap cargo rustc gcc, and allow user namespaces"

  func prepare(
    _ request: PrepareRequest, log: @escaping @Sendable (String) -> Void
  ) async throws -> any BuildEnvironment {
    let inputs = request.plan.inputs
    let host = try await HostTools.find()
    guard inputs.target == host.triple else {
      throw ExecutorFailure(
        .infrastructure, "this machine is \(host.triple), and cannot build for \(inputs.target)")
    }
    guard inputs.linker == "gcc", inputs.packages.values.allSatisfy(\.isEmpty) else {
      throw ExecutorFailure(
        .infrastructure,
        "the module `native` has gcc alone and installs no packages; let the recipe name another")
    }
    try await Sandbox.tryOut()
    log("native: \(host.rustc) of this machine, in a bubblewrap sandbox\n")
    return NativeEnvironment(
      identity: host.identity,
      sandbox: Sandbox(
        mounts: request.mounts, limits: request.limits, marker: Marker(request.identity)))
  }

  /// A killed builder's sandboxes die with it (`--die-with-parent`). Should one live on, its command
  /// line tells whose it is.
  func sweep(_ request: SweepRequest) async throws -> SweepReport {
    let alive = Set(request.alive.map { Marker($0) })
    var removed: [String] = []
    for (process, marker) in Marker.processes()
    where marker.owner == request.owner && !alive.contains(marker) {
      if kill(process, SIGKILL) == 0 {
        removed.append("process \(process) of job \(marker.job), attempt \(marker.attempt)")
      }
    }
    return SweepReport(removed: removed)
  }
}

/// Where the commands of one attempt run: a sandbox each, of the same kind.
struct NativeEnvironment: BuildEnvironment {
  let identity: EnvironmentIdentity
  let sandbox: Sandbox

  func run(
    _ command: EnvironmentCommand, output: @escaping @Sendable (CommandOutput) -> Void
  ) async throws -> CommandResult {
    var child = Child(
      program: Sandbox.program, name: sandbox.marker.text,
      arguments: sandbox.commandLine(for: command),
      timeLimitSeconds: command.timeLimitSeconds)
    child.descriptor3 = sandbox.options(for: command)
    let result = try await child.run(output)
    // bubblewrap hands a signal on as a shell does. A program that ends with such a status by itself
    // cannot be told apart.
    guard case .exited(let status) = result.ending, (129...160).contains(status) else {
      return result
    }
    return CommandResult(.signalled(number: status - 128), seconds: result.seconds)
  }

  /// Nothing is left: every command's sandbox has ended with it, and `run` waits for that.
  func tearDown() async {}
}

@_cdecl("buildsrs_executor_module")
public func entry(
  _ hostVersion: Int32, _ ownVersion: UnsafeMutablePointer<Int32>
) -> UnsafeMutableRawPointer? {
  exportExecutorModule(hostVersion, ownVersion) { NativeExecutor() }
}
