import ExecutorKit
import RootFileSystem
import Sandbox

/// Builds static programs in a bubblewrap sandbox, with Debian's compilers and musl.
struct MuslStatic: ExecutorModule {
  /// The targets whose standard library is in the root file system.
  static let targets = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"]

  func describe() -> ModuleDescription {
    ModuleDescription(name: "musl-static", version: "0.1.0")
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
    if let reason = Self.absence(of: target.triple) { return .absent(reason: reason) }
    do {
      try Self.check(target.configuration)
      let recipe = try Self.recipe(filesDirectory: request.filesDirectory)
      return await RootFileSystem.health(recipe, in: request.cacheDirectory)
    } catch {
      return .unhealthy(reason: error.message, remedy: "correct it there")
    }
  }

  func prepare(
    _ request: PrepareRequest, log: @escaping @Sendable (String) -> Void
  ) async throws -> any BuildEnvironment {
    let inputs = request.plan.inputs
    if let reason = Self.absence(of: inputs.target) {
      throw ExecutorFailure(.infrastructure, "musl-static: \(reason)")
    }
    try Self.check(inputs.configuration)
    let recipe = try Self.recipe(
      filesDirectory: request.filesDirectory, packages: inputs.packages["debian"] ?? [])
    let found = try await RootFileSystem.ensure(recipe, in: request.cacheDirectory, log: log)
    // Build scripts are built by the same tools, whatever the target.
    let identity = try found.facts.identity(
      compiler: inputs.compiler, name: recipe.folderName, sharesHostPart: true)
    let spec = SandboxSpec(root: found.root, mounts: request.mounts, limits: request.limits)
    return SandboxEnvironment(
      identity: identity,
      sandbox: try Sandbox(
        spec, identity: request.identity, scratchDirectory: request.scratchDirectory))
  }

  func sweep(_ request: SweepRequest) async throws -> SweepReport { await Sandbox.sweep(request) }

  static func recipe(
    filesDirectory: String, packages: [String] = []
  ) throws(ExecutorFailure) -> RootRecipe {
    try RootRecipe(
      name: "musl-static", folder: "musl-static", filesDirectory: filesDirectory,
      packages: packages)
  }

  /// Why a target cannot be built for; nil: it can.
  static func absence(of triple: String) -> String? {
    guard targets.contains(triple) else {
      return "there is no musl for \(triple), but for \(targets.joined(separator: ", "))"
    }
    #if arch(x86_64)
      return nil
    #else
      return "the compilers are those of an amd64 Debian, which this machine cannot run"
    #endif
  }

  /// The module reads nothing of a target's YAML.
  static func check(_ configuration: ConfigurationValue) throws(ExecutorFailure) {
    if let key = (configuration.map ?? [:]).keys.sorted().first {
      throw ExecutorFailure(
        .infrastructure,
        "musl-static: unknown key “\(key)” in the target's YAML;"
          + " the module reads none")
    }
  }
}

@_cdecl("buildsrs_executor_module")
public func entry(
  _ hostVersion: Int32, _ ownVersion: UnsafeMutablePointer<Int32>
) -> UnsafeMutableRawPointer? {
  exportExecutorModule(hostVersion, ownVersion) { MuslStatic() }
}
