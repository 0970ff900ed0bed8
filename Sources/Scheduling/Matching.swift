public import FarmModel

/// One target that a builder can build for now.
public struct BuildableTarget: Sendable, Equatable {
  public var triple: String
  /// The Rust versions it has there, newest first; empty: known only after the environment is made.
  public var toolchains: [String]

  public init(triple: String, toolchains: [String]) {
    self.triple = triple
    self.toolchains = toolchains
  }
}

/// Which targets of a farm a builder may be given, as far as toolchains go.
public enum Matching {
  /// The triples whose Rust requirement one of the builder's toolchains fulfils.
  ///
  /// - Parameter requirements: by triple, the `rust:` of the target's YAML.
  public static func claimable(
    _ targets: [BuildableTarget], requirements: [String: VersionRequirement]
  ) -> [String] {
    targets.filter { target in
      guard let requirement = requirements[target.triple] else { return false }
      let versions = target.toolchains.compactMap { Semver($0) }
      return target.toolchains.isEmpty || versions.contains(where: requirement.accepts)
    }.map(\.triple)
  }
}
