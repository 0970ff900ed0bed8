import ExecutorKit
import Glibc

/// Builds in containers of the Docker Engine, with Debian's cross compilers.
struct DockerCross: ExecutorModule {
  func describe() -> ModuleDescription {
    ModuleDescription(
      name: "docker-cross", version: "0.1.0", configuration: Configuration.keys)
  }

  func probe(_ request: ProbeRequest) async -> ProbeReport { await Prober(request: request).run() }

  func prepare(
    _ request: PrepareRequest, log: @escaping @Sendable (String) -> Void
  ) async throws -> any BuildEnvironment {
    do {
      let inputs = request.plan.inputs
      let configuration = try Configuration(inputs.configuration)
      let engine = try Engine.ofEnvironment()
      let base = BaseImage(engine: engine, name: configuration.image)
      let recipe = try ImageRecipe(
        configuration, filesDirectory: request.filesDirectory, inputs: inputs,
        baseID: try await base.ensure(log: log))
      let image = try await ImageBuilder(engine: engine, recipe: recipe, log: log)
        .ensure(lockFolder: request.cacheDirectory)
      return DockerEnvironment(
        engine: engine, identity: try image.identity(linker: inputs.linker),
        spec: try spec(for: request, image: image), owner: request.identity)
    } catch let error as EngineError {
      try Task.checkCancellation()
      throw error.failure
    }
  }

  private func spec(
    for request: PrepareRequest, image: ToolchainImage
  ) throws(ExecutorFailure) -> ContainerSpec {
    let user = ContainerUser.of(effectiveUser: geteuid(), group: getegid())
    if user.mustOwn {
      for mount in request.mounts where mount.isWritable { try ContainerUser.own(mount.source) }
    }
    return ContainerSpec(
      image: image.id, labels: OwnerLabels.of(request.identity), mounts: request.mounts,
      limits: request.limits, user: user.text)
  }

  func sweep(_ request: SweepRequest) async throws -> SweepReport {
    do {
      let alive = Set(request.alive)
      let removed = try await Sweeper(engine: try Engine.ofEnvironment())
        .remove(labels: [OwnerLabels.owner: request.owner]) { !alive.contains($0) }
      return SweepReport(removed: removed)
    } catch {
      throw error.failure
    }
  }
}

@_cdecl("buildsrs_executor_module")
public func entry(
  _ hostVersion: Int32, _ ownVersion: UnsafeMutablePointer<Int32>
) -> UnsafeMutableRawPointer? {
  exportExecutorModule(hostVersion, ownVersion) { DockerCross() }
}
