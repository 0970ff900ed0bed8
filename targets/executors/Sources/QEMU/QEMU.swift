import ExecutorKit
import RootFileSystem
import Sandbox

/// Builds natively in a Debian of another architecture, whose programs QEMU runs.
struct QEMU: ExecutorModule {
  static let keys = [
    ConfigurationKey("debian", .text, summary: "the target's architecture in Debian's words")
  ]

  func describe() -> ModuleDescription {
    ModuleDescription(name: "qemu", version: "0.1.0", configuration: Self.keys)
  }

  func probe(_ request: ProbeRequest) async -> ProbeReport {
    var report = ProbeReport(targets: [:])
    for target in request.targets {
      report.targets[target.triple] = await health(of: target, request)
    }
    return report
  }

  private func health(
    of target: ProbeRequest.Target, _ request: ProbeRequest
  ) async -> TargetHealth {
    guard Machine.all.contains(where: { $0.targets.contains(target.triple) }) else {
      return .absent(reason: "no Debian that this module knows is a \(target.triple)")
    }
    do throws(ExecutorFailure) {
      let machine = try Self.machine(for: target.triple, target.configuration)
      let emulator: Emulator?
      do throws(ExecutorFailure) { emulator = try Self.emulator(of: machine) } catch {
        return .unhealthy(reason: error.message, remedy: "install Debian's qemu-user-static")
      }
      let recipe = try Self.recipe(machine, filesDirectory: request.filesDirectory)
      return await RootFileSystem.health(recipe, in: request.cacheDirectory, emulator: emulator)
    } catch {
      return .unhealthy(reason: error.message, remedy: "correct it there")
    }
  }

  func prepare(
    _ request: PrepareRequest, log: @escaping @Sendable (String) -> Void
  ) async throws -> any BuildEnvironment {
    let inputs = request.plan.inputs
    let machine = try Self.machine(for: inputs.target, inputs.configuration)
    let emulator = try Self.emulator(of: machine)
    let recipe = try Self.recipe(
      machine, filesDirectory: request.filesDirectory, packages: inputs.packages["debian"] ?? [])
    let found = try await RootFileSystem.ensure(recipe, in: request.cacheDirectory, log: log)
    let identity = try found.facts.identity(
      compiler: inputs.compiler, name: recipe.folderName, sharesHostPart: false)
    let spec = SandboxSpec(
      root: found.root, mounts: request.mounts, limits: request.limits, emulator: emulator)
    return SandboxEnvironment(
      identity: identity,
      sandbox: try Sandbox(
        spec, identity: request.identity, scratchDirectory: request.scratchDirectory))
  }

  func sweep(_ request: SweepRequest) async throws -> SweepReport { await Sandbox.sweep(request) }

  /// The machine that a target's YAML names, which must be one of that target.
  static func machine(
    for triple: String, _ configuration: ConfigurationValue
  ) throws(ExecutorFailure) -> Machine {
    let machine = try Machine(configuration)
    guard machine.targets.contains(triple) else {
      throw ExecutorFailure(
        .infrastructure,
        "qemu: Debian's \(machine.debian) is no \(triple), but"
          + " \(machine.targets.joined(separator: ", ")): correct debian in the target's YAML")
    }
    return machine
  }

  private static func emulator(of machine: Machine) throws(ExecutorFailure) -> Emulator? {
    machine.isEmulated() ? try Emulator(processor: machine.processor) : nil
  }

  private static func recipe(
    _ machine: Machine, filesDirectory: String, packages: [String] = []
  ) throws(ExecutorFailure) -> RootRecipe {
    try RootRecipe(
      name: "debian-\(machine.debian)", folder: "qemu", filesDirectory: filesDirectory,
      arguments: [machine.debian], packages: packages)
  }
}

@_cdecl("buildsrs_executor_module")
public func entry(
  _ hostVersion: Int32, _ ownVersion: UnsafeMutablePointer<Int32>
) -> UnsafeMutableRawPointer? {
  exportExecutorModule(hostVersion, ownVersion) { QEMU() }
}
