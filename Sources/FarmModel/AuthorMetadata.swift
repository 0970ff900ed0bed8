/// What a crate's author says in its `Cargo.toml` about how it is built: `[package.metadata.buildsrs]`.
///
/// It is between the default recipe and the crate's own one. Authors are not maintainers: what is
/// wrong with it is ignored and told, and never keeps a version from being built.
public struct AuthorMetadata: Codable, Sendable, Equatable {
  /// Cargo features to switch on; nil: nothing said.
  public var features: [String]?
  /// Whether Cargo's default features are on; nil: nothing said.
  public var usesDefaultFeatures: Bool?
  /// Which binaries to build; nil: nothing said.
  public var binaries: [String]?
  /// Patterns of the target triples that it is built for; nil: all.
  public var targets: [String]?
  /// Why the author wants no binaries from this farm; nil: that was not said.
  public var optOut: String?
  /// What was ignored of it, for people, a sentence each.
  public var warnings: [String]

  enum CodingKeys: String, CodingKey {
    case features, binaries, targets, warnings
    case usesDefaultFeatures = "default_features"
    case optOut = "opt_out"
  }

  public init(
    features: [String]? = nil, usesDefaultFeatures: Bool? = nil, binaries: [String]? = nil,
    targets: [String]? = nil, optOut: String? = nil, warnings: [String] = []
  ) {
    self.features = features
    self.usesDefaultFeatures = usesDefaultFeatures
    self.binaries = binaries
    self.targets = targets
    self.optOut = optOut
    self.warnings = warnings
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    features = try container.decodeIfPresent([String].self, forKey: .features)
    usesDefaultFeatures = try container.decodeIfPresent(Bool.self, forKey: .usesDefaultFeatures)
    binaries = try container.decodeIfPresent([String].self, forKey: .binaries)
    targets = try container.decodeIfPresent([String].self, forKey: .targets)
    optOut = try container.decodeIfPresent(String.self, forKey: .optOut)
    warnings = try container.decodeIfPresent([String].self, forKey: .warnings) ?? []
  }
}
