import ExecutorKit
import FarmModel

/// Where a plan's values come from. Each of these asks the same layers as the resolution, the stronger ones
/// later, for who has spoken last.
extension PlanResolution {
  /// The plan's values and where each comes from.
  func explanation(for facts: VersionFacts) -> PlanExplanation {
    let plan = plan(for: facts)
    return PlanExplanation(
      values: executorValues(plan) + limits(plan.limits)
        + [
          fromRecipes("features", plan.inputs.features.joined(separator: ", ")),
          fromRecipes("default-features", "\(plan.inputs.usesDefaultFeatures)"),
          fromRecipes("binaries", plan.inputs.binaries.joined(separator: ", ")),
        ] + packages(plan.inputs.packages) + environment(plan.inputs.environment)
        + [fromRecipes("smoke", plan.checks.smoke.map(Self.text).joined(separator: "; "))]
        + needed(plan.checks.needed),
      skip: skipReason.map { Value(key: "skip", value: $0, origin: skipPlace) })
  }

  private typealias Value = PlanExplanation.Value

  private var skipPlace: String? {
    optOut == nil ? all.last { $0.skip != nil }?.origin.place(of: "skip") : "Cargo.toml"
  }

  /// What the executor brings along, and a crate's recipe may replace in part.
  private func executorValues(_ plan: Plan) -> [Value] {
    let linker = place(of: "linker", in: crate) ?? offerPlace(of: "linker")
    // With another linker than the offer's the promise is given up: that choice is why there is none.
    let glibc = plan.inputs.glibc == offer.glibc ? offerPlace(of: "glibc") : linker
    return [
      Value(
        key: "executor", value: plan.inputs.executor,
        origin: place(of: "executor", in: crate) ?? target.origin.place(of: "executor")),
      Value(key: "linker", value: plan.inputs.linker, origin: linker),
      Value(key: "rust", value: plan.inputs.rust, origin: target.origin.place(of: "rust")),
      Value(key: "glibc", value: plan.inputs.glibc ?? "", origin: glibc),
      Value(
        key: "runner", value: plan.checks.runner.joined(separator: " "),
        origin: isOffered ? offerPlace(of: "runner") : target.origin.place(of: "runner")),
    ]
  }

  /// Whether the target's file names the executor.
  private var isOffered: Bool { target.offers.contains { $0.executor == offer.executor } }

  /// Where the target's file says something about the executor that builds.
  private func offerPlace(of key: String) -> String? {
    target.origin.place(of: offerPrefix + key)
  }

  private var offerPrefix: String {
    offer.executor == target.executor ? "" : "alternatives.\(offer.executor)."
  }

  private func limits(_ limits: Limits) -> [Value] {
    let layers: [(limits: LimitsOverlay, origin: Origin, prefix: String)] =
      defaults.map { ($0.limits, $0.origin, "") } + [
        (target.limits, target.origin, ""), (offer.limits, target.origin, offerPrefix),
      ] + crate.map { ($0.limits, $0.origin, "") }
    func value(_ name: String, _ text: String, _ isNamed: (LimitsOverlay) -> Bool) -> Value {
      let layer = layers.last { isNamed($0.limits) }
      return Value(
        key: "limits.\(name)", value: text,
        origin: layer.flatMap { $0.origin.place(of: "\($0.prefix)limits.\(name)") })
    }
    return [
      value("memory", Quantities.text(size: limits.memory)) { $0.memory != nil },
      value("time", Quantities.text(seconds: limits.timeSeconds)) { $0.timeSeconds != nil },
      value("log", Quantities.text(size: limits.log)) { $0.log != nil },
      value("disk", Quantities.text(size: limits.disk)) { $0.disk != nil },
      value("processes", "\(limits.processes)") { $0.processes != nil },
    ]
  }

  private func packages(_ packages: [String: [String]]) -> [Value] {
    let values = packages.sorted { $0.key < $1.key }.flatMap { system, names in
      let origin = all.last { $0.packages[system] != nil }?.origin
      return names.map { name in
        Value(
          key: "packages.\(system)", value: name,
          origin: origin?.place(of: "packages.\(system)[\(name)]"))
      }
    }
    return values.isEmpty ? [fromRecipes("packages", "")] : values
  }

  private func environment(_ variables: [String: String]) -> [Value] {
    let values = variables.sorted { $0.key < $1.key }.map { name, text in
      Value(
        key: "environment.\(name)", value: text,
        origin: all.last { $0.environment[name] != nil }?.origin.place(of: "environment.\(name)"))
    }
    return values.isEmpty ? [fromRecipes("environment", "")] : values
  }

  private func needed(_ libraries: [String]) -> [Value] {
    let values = libraries.map { name in
      Value(
        key: "needed", value: name,
        origin: target.needed.contains(name)
          ? target.origin.place(of: "policy.needed[\(name)]")
          : all.first { $0.needed.contains(name) }?.origin.place(of: "needed[\(name)]"))
    }
    let nothing = Value(key: "needed", value: "", origin: target.origin.place(of: "policy.needed"))
    return values.isEmpty ? [nothing] : values
  }

  /// A value that recipes alone decide, as a whole.
  private func fromRecipes(_ key: String, _ value: String) -> Value {
    Value(key: key, value: value, origin: place(of: key, in: all))
  }

  private func place(of key: String, in overlays: [RecipeOverlay]) -> String? {
    overlays.compactMap { $0.origin.place(of: key) }.last
  }

  private static func text(_ test: SmokeTest) -> String {
    let command = ([test.binary ?? "*"] + test.arguments).joined(separator: " ")
    return test.expect.map { "\(command) ~ \($0)" } ?? command
  }
}
