import ExecutorKit
public import FarmModel

/// Lays the default recipe, a crate's recipe and a target over one another.
///
/// A crate's recipe is stronger than the target's file, that is stronger than what the crate's author
/// says, that is stronger than the default recipe, and within a recipe the overlay of a target pattern is
/// stronger than what holds for all targets.
/// What only a target knows (Rust, glibc, runner, configuration) no recipe can change, but by choosing
/// another of the target's executors, or a linker for which the target promises no glibc.
struct PlanResolution {
  let target: TargetDefinition
  /// The weaker ones first.
  let defaults: [RecipeOverlay]
  let crate: [RecipeOverlay]
  /// Stronger than every recipe: what a person asks for by hand.
  private let forcedExecutor: String?

  private let author: [RecipeOverlay]
  let optOut: String?

  var all: [RecipeOverlay] { defaults + author + crate }

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

  var offer: ExecutorOffer {
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
    if facts.isYanked { return .skip(Self.yanked) }
    let resolution = resolution(of: facts, target, executor: executor)
    return resolution.skipReason.map { .skip($0) } ?? .plan(resolution.plan(for: facts))
  }

  /// Where a plan's values come from; nil: the farm does not build for the target.
  public func explain(_ facts: VersionFacts, target triple: TargetTriple) -> PlanExplanation? {
    guard let target = target(triple) else { return nil }
    var explanation = resolution(of: facts, target).explanation(for: facts)
    if facts.isYanked {
      explanation.skip = PlanExplanation.Value(key: "skip", value: Self.yanked)
    }
    return explanation
  }

  private static let yanked = "the version is yanked"

  private func resolution(
    of facts: VersionFacts, _ target: TargetDefinition, executor: String? = nil
  ) -> PlanResolution {
    let body = recipe(for: facts.crate)?.body(for: facts.version)
    return PlanResolution(
      target: target, defaults: defaults, author: facts.metadata, crate: body, executor: executor)
  }
}
