public import ExecutorKit
public import FarmModel

/// What a registry tells of a published version, as far as plans depend on it.
public struct VersionFacts: Sendable, Equatable {
  /// The crate's name as it is published.
  public var crate: CrateName
  /// The version as it is published.
  public var version: Semver
  /// SHA-256 of the `.crate` file, 64 lower-case hexadecimal digits.
  public var checksum: String
  /// Seconds since 1970; nil: the registry does not tell.
  public var publishedAt: Int64?
  /// Whether the registry has it taken back: nothing is built of it.
  public var isYanked: Bool
  /// SHA-256 of the lockfile that the farm made; nil: the crate's own is used.
  public var lockfile: String?
  /// What the author says about how it is built; nil: nothing.
  public var metadata: AuthorMetadata?

  /// - Parameter checksum: SHA-256 of the `.crate` file in lower-case hexadecimal digits.
  public init(
    crate: CrateName, version: Semver, checksum: String, publishedAt: Int64? = nil,
    isYanked: Bool = false, lockfile: String? = nil, metadata: AuthorMetadata? = nil
  ) {
    self.crate = crate
    self.version = version
    self.checksum = checksum
    self.publishedAt = publishedAt
    self.isYanked = isYanked
    self.lockfile = lockfile
    self.metadata = metadata
  }
}

/// Whether a version is built for a target, and how.
public enum PlanDecision: Sendable, Equatable {
  /// It is, by this plan.
  case plan(Plan)
  /// Not at all; the reason is what the API answers.
  case skip(String)

  /// The plan, or nil where nothing is built.
  public var plan: Plan? { if case .plan(let plan) = self { plan } else { nil } }
}

/// A plan's values one by one, and which line of which file each comes from.
public struct PlanExplanation: Sendable, Equatable, Codable {
  /// One value of a plan.
  public struct Value: Sendable, Equatable, Codable {
    /// The key of the recipe or target, such as `features`, `limits.memory` or `environment.OPENSSL_DIR`.
    public var key: String
    /// The value as text; empty: none.
    public var value: String
    /// Such as `recipes/ripgrep.yaml:4`; nil: nobody says anything, the farm's default holds.
    public var origin: String?
  }

  /// All values, in the order of the farm's documents. Each limit, variable, package and library has a
  /// value of its own, since each may come from elsewhere.
  public var values: [Value]
  /// Why nothing is built, and who says so; nil: it is built.
  public var skip: Value?
}
