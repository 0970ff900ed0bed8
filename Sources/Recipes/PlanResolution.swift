import ExecutorKit
public import FarmModel

/// Lays the default recipe, a crate's recipe and a target over one another.
///
/// A crate's recipe is stronger than the target's file, that is stronger than what the crate's author
/// says, that is stronger than the default recipe, and within a recipe the overlay of a target pattern is stronger than what holds for all targets.
/// What only a target knows (Rust, glibc, runner, configuration) no recipe can change, but by choosing
/// another of the target's executors, or a linker for which the target promises no glibc.
struct PlanResolution {
  private let target: TargetDefinition
  /// The weaker ones first.
  private let defaults: [RecipeOverlay]
  private let crate: [RecipeOverlay]
  /// Stronger than every recipe: what a person asks for by hand.
  private let forcedExecutor: String?

  private let author: [RecipeOverlay]
  private let optOut: String?

  private var all: [RecipeOverlay] { defaults + author + crate }

  init(
    target: TargetDefinition, defaults: RecipeBody, author: AuthorMetadata? = nil,
    crate: RecipeBody?, executor: String? = nil
  ) {
    self.target = target
    self.author = author.map { [$0.overlay(for: target.triple)] } ?? []
    optOut = author?.optOut
    forcedExecutor = executor
    self.defaults = defaults.overlays(for: target.triple)
    self.crate = crate?.overlays(for: target.triple) ?? []
  }

  /// Why nothing is built; nil: it is.
  var skipReason: String? {
    // No recipe overrules an author who wants no builds at all.
    if let optOut { return optOut }
    guard case .because(let reason) = all.compactMap(\.skip).last else { return nil }
    return reason
  }

  func plan(for facts: VersionFacts) -> Plan {
    Plan(
      inputs: inputs(facts),
      checks: BuildChecks(
        runner: offer.runner, needed: needed, smoke: last(\.smoke) ?? []),
      limits: limits)
  }

  private func inputs(_ facts: VersionFacts) -> BuildInputs {
    BuildInputs(
      crate: facts.crate.text, version: facts.version.description, checksum: facts.checksum,
      target: target.triple.text, executor: offer.executor, configuration: offer.configuration,
      rust: target.rust, linker: linker.rawValue, glibc: glibc,
      features: sorted(last(\.features)), usesDefaultFeatures: last(\.usesDefaultFeatures) ?? true,
      binaries: sorted(last(\.binaries)), packages: packages, environment: environment,
      lockfile: facts.lockfile,
      sourceDateEpoch: facts.publishedAt ?? BuildInputs.defaultSourceDateEpoch)
  }

  /// The strongest recipe's word.
  private func last<Value>(_ value: (RecipeOverlay) -> Value?) -> Value? {
    all.compactMap(value).last
  }

  private var offer: ExecutorOffer {
    target.offer(of: forcedExecutor ?? crate.compactMap(\.executor).last ?? target.executor)
  }

  private var linker: Linker { crate.compactMap(\.linker).last ?? offer.linker }

  /// What the offer promises holds for its own linker; with another one the artifact only tells its
  /// real floor.
  private var glibc: String? { linker == offer.linker ? offer.glibc : nil }

  private var packages: [String: [String]] {
    all.reduce(into: [:]) { $0.merge($1.packages) { $1 } }
      .mapValues(sorted).filter { !$0.value.isEmpty }
  }

  private var environment: [String: String] {
    all.reduce(into: [:]) { $0.merge($1.environment) { $1 } }
  }

  private var needed: [String] {
    var seen: Set<String> = []
    return (target.needed + all.flatMap(\.needed)).filter { seen.insert($0).inserted }
  }

  private var limits: Limits {
    let layers = defaults.map(\.limits) + [target.limits, offer.limits] + crate.map(\.limits)
    return layers.reduce(Limits()) { $1.applied(to: $0) }
  }

  /// One order for one set, so that it has one digest.
  private func sorted(_ names: [String]?) -> [String] { Set(names ?? []).sorted() }
}

extension PlanResolution {
  /// The plan's values and where each comes from.
  func explanation(for facts: VersionFacts) -> PlanExplanation {
    let plan = plan(for: facts)
    let limits = plan.limits
    let limitsText =
      "memory \(limits.memory), time \(limits.timeSeconds)s, log \(limits.log), "
      + "disk \(limits.disk), processes \(limits.processes)"
    let variables = plan.inputs.environment
    let packages = plan.inputs.packages.mapValues { $0.joined(separator: " ") }
    return PlanExplanation(values: [
      fromTarget("executor", plan.inputs.executor),
      fromTarget("linker", plan.inputs.linker),
      fromTarget("rust", plan.inputs.rust),
      fromTarget("glibc", plan.inputs.glibc ?? ""),
      fromTarget("runner", plan.checks.runner.joined(separator: " ")),
      fromTarget("limits", limitsText),
      fromRecipes("features", plan.inputs.features.joined(separator: ", ")),
      fromRecipes("default-features", "\(plan.inputs.usesDefaultFeatures)"),
      fromRecipes("binaries", plan.inputs.binaries.joined(separator: ", ")),
      fromRecipes("packages", pairs(packages)),
      fromRecipes("environment", pairs(variables)),
      fromRecipes("smoke", plan.checks.smoke.map(Self.text).joined(separator: "; ")),
      fromRecipes("needed", plan.checks.needed.joined(separator: ", "), or: "policy"),
    ])
  }

  /// A value of the target's file that a crate's recipe may replace.
  private func fromTarget(_ key: String, _ value: String) -> PlanExplanation.Value {
    let place = crate.compactMap { $0.origin.place(of: key) }.last
    return PlanExplanation.Value(
      key: key, value: value, origin: place ?? target.origin.place(of: key))
  }

  /// A value of the recipes, behind which the target's `or` may stand.
  private func fromRecipes(_ key: String, _ value: String, or targetKey: String? = nil)
    -> PlanExplanation.Value
  {
    let place = all.compactMap { $0.origin.place(of: key) }.last
    return PlanExplanation.Value(
      key: key, value: value, origin: place ?? targetKey.flatMap { target.origin.place(of: $0) })
  }

  private func pairs(_ values: [String: String]) -> String {
    values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", ")
  }

  private static func text(_ test: SmokeTest) -> String {
    let command = ([test.binary ?? "*"] + test.arguments).joined(separator: " ")
    return test.expect.map { "\(command) ~ \($0)" } ?? command
  }
}

extension RecipeSet {
  /// What the farm does with a version for a target: a plan, or the reason why nothing is built.
  ///
  /// - Parameter executor: an executor module to build with, whatever target and recipes say.
  public func plan(
    for facts: VersionFacts, target triple: TargetTriple, executor: String? = nil
  ) -> PlanDecision {
    guard let target = target(triple) else {
      return .skip("the farm does not build for \(triple)")
    }
    if facts.isYanked { return .skip("the version is yanked") }
    let resolution = resolution(of: facts, target, executor: executor)
    return resolution.skipReason.map { .skip($0) } ?? .plan(resolution.plan(for: facts))
  }

  /// Where a plan's values come from; nil: the farm does not build for the target.
  public func explain(_ facts: VersionFacts, target triple: TargetTriple) -> PlanExplanation? {
    target(triple).map { resolution(of: facts, $0).explanation(for: facts) }
  }

  private func resolution(
    of facts: VersionFacts, _ target: TargetDefinition, executor: String? = nil
  ) -> PlanResolution {
    let body = recipe(for: facts.crate)?.body(for: facts.version)
    return PlanResolution(
      target: target, defaults: defaults, author: facts.metadata, crate: body, executor: executor)
  }
}
