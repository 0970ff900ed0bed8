/// The answer to `GET /api/v1/registry/looks`: versions whose `.crate` the backend wants looked into.
public struct RegistryLooks: Codable, Sendable, Equatable {
  public struct Version: Codable, Sendable, Hashable {
    public var crate: CrateName
    public var version: Semver
    /// SHA-256 of the `.crate`, 64 lower-case hexadecimal digits.
    public var checksum: String

    public init(crate: CrateName, version: Semver, checksum: String) {
      self.crate = crate
      self.version = version
      self.checksum = checksum
    }
  }

  /// The newest of each crate first.
  public var versions: [Version]

  public init(versions: [Version]) { self.versions = versions }
}

/// The body of `POST /api/v1/registry/looks`: `.crate` files that could not be fetched.
public struct RegistryLookFailures: Codable, Sendable, Equatable {
  public struct Failure: Codable, Sendable, Equatable {
    public var look: RegistryLooks.Version
    /// What went wrong, for people.
    public var reason: String
    /// The registry has answered that there is no such file, or with other bytes; false: it may only
    /// have been away.
    public var isRefusal: Bool

    enum CodingKeys: String, CodingKey {
      case reason
      case look = "version"
      case isRefusal = "refused"
    }

    public init(_ look: RegistryLooks.Version, reason: String, isRefusal: Bool) {
      self.look = look
      self.reason = reason
      self.isRefusal = isRefusal
    }
  }

  /// At most ``most``.
  public var failures: [Failure]

  public init(failures: [Failure]) { self.failures = failures }

  /// How many a body may hold.
  public static let most = 1000
}
