import ExecutorKit

/// Answers what this machine can build for.
struct Prober: Sendable {
  let request: ProbeRequest

  func run() async -> ProbeReport {
    do throws(EngineError) {
      let engine = try Engine.ofEnvironment()
      let version = try await engine.json(
        EngineVersion.self, "GET", "/version", timeout: .seconds(5))
      var report = ProbeReport(
        targets: [:],
        facts: ["docker engine": "\(version.version), API \(version.apiVersion)"])
      for target in request.targets {
        report.targets[target.triple] = await health(of: target, engine)
      }
      return report
    } catch {
      let health = TargetHealth.unhealthy(reason: error.description, remedy: error.remedy)
      return ProbeReport(
        targets: Dictionary(uniqueKeysWithValues: triples.map { ($0, health) }))
    }
  }

  /// Each triple once, whatever was asked.
  private var triples: Set<String> { Set(request.targets.map(\.triple)) }

  private func health(of target: ProbeRequest.Target, _ engine: Engine) async -> TargetHealth {
    do {
      let configuration = try Configuration(target.configuration)
      let base = BaseImage(engine: engine, name: configuration.image)
      guard let baseID = try await base.id() else {
        if await base.canBePulled() { return .ready(toolchains: []) }
        return .unhealthy(
          reason: "the base image \(configuration.image) is not there and cannot be pulled",
          remedy: base.remedy)
      }
      let inputs = BuildInputs(
        crate: "", version: "", checksum: "", target: target.triple, executor: "",
        configuration: target.configuration)
      let recipe = try ImageRecipe(
        configuration, filesDirectory: request.filesDirectory, inputs: inputs, baseID: baseID)
      let image = try await ImageBuilder(engine: engine, recipe: recipe) { _ in }.find()
      return .ready(
        toolchains: try image.map { [try $0.identity(linker: "gcc").rustVersion] } ?? [])
    } catch let error as EngineError {
      return .unhealthy(reason: error.description, remedy: error.remedy)
    } catch let failure as ExecutorFailure {
      return .unhealthy(reason: failure.message, remedy: "correct the target's YAML")
    } catch {
      return .unhealthy(reason: "\(error)", remedy: "report this")
    }
  }
}
