public import FarmModel

/// What a builder must have for a job: an executor module that is ready for a target.
public struct Ability: Sendable, Hashable {
  public var triple: String
  /// The executor module's name.
  public var executor: String

  public init(triple: String, executor: String) {
    self.triple = triple
    self.executor = executor
  }
}

/// One target that a builder can build for now, by one of its modules.
public struct BuildableTarget: Sendable, Equatable {
  public var ability: Ability
  /// The Rust versions it has there, newest first; empty: known only after the environment is made.
  public var toolchains: [String]

  public init(_ ability: Ability, toolchains: [String]) {
    self.ability = ability
    self.toolchains = toolchains
  }
}

/// Which targets of a farm a builder may be given, as far as toolchains go.
public enum Matching {
  /// The abilities whose target's Rust requirement one of the builder's toolchains fulfils.
  ///
  /// - Parameter requirements: by triple, the `rust:` of the target's YAML.
  public static func claimable(
    _ targets: [BuildableTarget], requirements: [String: VersionRequirement]
  ) -> [Ability] {
    targets.filter { target in
      guard let requirement = requirements[target.ability.triple] else { return false }
      let versions = target.toolchains.compactMap { Semver($0) }
      return target.toolchains.isEmpty || versions.contains(where: requirement.accepts)
    }.map(\.ability)
  }
}
