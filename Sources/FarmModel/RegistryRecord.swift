/// One line of `POST /api/v1/registry/versions`: what the registry sync tells the backend.
///
/// Lines are idempotent: the same line again changes nothing. A body begins with one `registry` line.
public enum RegistryRecord: Codable, Sendable, Equatable {
  case registry(RegistryDescription)
  case version(RegistryVersion)
  case crate(RegistryCrate)

  private enum Keys: String, CodingKey { case type }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    switch try container.decode(String.self, forKey: .type) {
    case "registry": self = .registry(try RegistryDescription(from: decoder))
    case "version": self = .version(try RegistryVersion(from: decoder))
    case "crate": self = .crate(try RegistryCrate(from: decoder))
    case let other:
      throw DecodingError.dataCorruptedError(
        forKey: .type, in: container,
        debugDescription: "“\(other)” is neither registry, version nor crate")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    switch self {
    case .registry(let registry):
      try container.encode("registry", forKey: .type)
      try registry.encode(to: encoder)
    case .version(let version):
      try container.encode("version", forKey: .type)
      try version.encode(to: encoder)
    case .crate(let crate):
      try container.encode("crate", forKey: .type)
      try crate.encode(to: encoder)
    }
  }
}

/// Where crates come from.
public struct RegistryDescription: Codable, Sendable, Equatable {
  /// The index, such as `sparse+https://index.crates.io/`.
  public var indexURL: String
  /// The `dl` template of its `config.json` (Cargo's index format).
  public var downloadTemplate: String

  enum CodingKeys: String, CodingKey {
    case indexURL = "index_url"
    case downloadTemplate = "download_template"
  }

  public init(indexURL: String, downloadTemplate: String) {
    self.indexURL = indexURL
    self.downloadTemplate = downloadTemplate
  }
}

/// One published version, as the index and (where it was looked into) its `.crate` tell.
public struct RegistryVersion: Codable, Sendable, Equatable {
  public var crate: CrateName
  public var version: Semver
  /// SHA-256 of the `.crate`, 64 lower-case hexadecimal digits.
  public var checksum: String
  public var yanked: Bool
  /// Seconds since 1970; nil where the index does not tell.
  public var publishedAt: Int64?
  public var rustVersion: String?
  /// What was found in the `.crate`; nil: it was not looked into.
  public var contents: CrateContents?

  enum CodingKeys: String, CodingKey {
    case crate, version, checksum, yanked, contents
    case publishedAt = "published_at"
    case rustVersion = "rust_version"
  }

  public init(
    crate: CrateName, version: Semver, checksum: String, yanked: Bool, publishedAt: Int64? = nil,
    rustVersion: String? = nil, contents: CrateContents? = nil
  ) {
    self.crate = crate
    self.version = version
    self.checksum = checksum
    self.yanked = yanked
    self.publishedAt = publishedAt
    self.rustVersion = rustVersion
    self.contents = contents
  }
}

/// What a `.crate` holds, as far as the farm wants to know.
public struct CrateContents: Codable, Sendable, Equatable {
  public struct Binary: Codable, Sendable, Equatable {
    public var name: String
    public var requiredFeatures: [String]
    enum CodingKeys: String, CodingKey {
      case name
      case requiredFeatures = "required_features"
    }
    public init(name: String, requiredFeatures: [String] = []) {
      self.name = name
      self.requiredFeatures = requiredFeatures
    }
  }
  /// Empty: a library only, for which no job is made.
  public var binaries: [Binary]
  public var hasLockfile: Bool
  public var description: String?
  public var repository: String?
  public var license: String?
  /// Why the `.crate` could not be read (wrong checksum, no `Cargo.toml`, a bomb); nil: it could.
  public var problem: String?

  enum CodingKeys: String, CodingKey {
    case binaries, description, repository, license, problem
    case hasLockfile = "has_lockfile"
  }

  public init(
    binaries: [Binary], hasLockfile: Bool, description: String? = nil, repository: String? = nil,
    license: String? = nil, problem: String? = nil
  ) {
    self.binaries = binaries
    self.hasLockfile = hasLockfile
    self.description = description
    self.repository = repository
    self.license = license
    self.problem = problem
  }
}

/// A crate as a whole: which versions the index has of it, and how much it is used.
///
/// It comes after the crate's version lines, in the same or a later body.
public struct RegistryCrate: Codable, Sendable, Equatable {
  public var crate: CrateName
  /// All versions that the index has: those that the backend knows besides are deleted. Empty: the
  /// crate is gone; nil: nothing is said about it.
  public var versions: [Semver]?
  /// Downloads of all time; nil: nothing is said about them.
  public var downloads: Int64?

  public init(crate: CrateName, versions: [Semver]? = nil, downloads: Int64? = nil) {
    self.crate = crate
    self.versions = versions
    self.downloads = downloads
  }
}

/// The answer to `POST /api/v1/registry/versions`.
public struct RegistryReceipt: Codable, Sendable, Equatable {
  /// Versions that were new, changed or had been unchanged.
  public var added: Int
  public var changed: Int
  public var unchanged: Int
  /// Jobs that were made.
  public var jobs: Int
  public init(added: Int, changed: Int, unchanged: Int, jobs: Int) {
    self.added = added
    self.changed = changed
    self.unchanged = unchanged
    self.jobs = jobs
  }
}
