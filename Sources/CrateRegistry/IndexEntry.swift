public import FarmModel
import Foundation

/// One published version: one line of an index file
/// (doc.rust-lang.org/cargo/reference/registry-index.html, "JSON schema").
public struct IndexEntry: Sendable, Equatable {
  /// The crate's name as it was published.
  public let name: CrateName
  /// The version.
  public let version: Semver
  /// What it depends on.
  public let dependencies: [IndexDependency]
  /// The SHA-256 of the `.crate`.
  public let checksum: CrateChecksum
  /// Features and what they turn on: `features` and `features2` together.
  public let features: [String: [String]]
  /// Whether the version was withdrawn.
  public let isYanked: Bool
  /// The native library that the crate links, of which a build may have one.
  public let links: String?
  /// The oldest Rust that the author promises.
  public let rustVersion: String?
  /// Seconds since 1970 at publication, where the index tells (`pubtime`).
  public let publishedAt: Int64?
}

/// One dependency of an index entry.
public struct IndexDependency: Sendable, Equatable, Decodable {
  /// The name by which the crate is called in the code; see `package`.
  public let name: String
  /// The version requirement.
  public let requirement: String
  /// Features that it turns on.
  public let features: [String]
  /// Whether it is optional.
  public let isOptional: Bool
  /// Whether its default features are on.
  public let usesDefaultFeatures: Bool
  /// The platform it is for: a triple or a `cfg(…)`.
  public let target: String?
  /// `normal`, `build` or `dev`.
  public let kind: String
  /// The index URL of another registry; nil: this one.
  public let registry: String?
  /// The crate's own name, where it is renamed.
  public let package: String?

  private enum Keys: String, CodingKey {
    case name, req, features, optional, target, kind, registry, package
    case defaultFeatures = "default_features"
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Keys.self)
    name = try values.decode(String.self, forKey: .name)
    requirement = try values.decode(String.self, forKey: .req)
    features = try values.decodeIfPresent([String].self, forKey: .features) ?? []
    isOptional = try values.decodeIfPresent(Bool.self, forKey: .optional) ?? false
    usesDefaultFeatures = try values.decodeIfPresent(Bool.self, forKey: .defaultFeatures) ?? true
    target = try values.decodeIfPresent(String.self, forKey: .target)
    kind = try values.decodeIfPresent(String.self, forKey: .kind) ?? "normal"
    registry = try values.decodeIfPresent(String.self, forKey: .registry)
    package = try values.decodeIfPresent(String.self, forKey: .package)
  }
}

extension IndexEntry: Decodable {
  /// The newest line format that is understood.
  static let newestFormat = 2

  private enum Keys: String, CodingKey {
    case name, vers, deps, cksum, features, features2, yanked, links, pubtime
    case rustVersion = "rust_version"
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Keys.self)
    name = try values.decode(CrateName.self, forKey: .name)
    version = try values.decode(Semver.self, forKey: .vers)
    dependencies = try values.decodeIfPresent([IndexDependency].self, forKey: .deps) ?? []
    let checksum = try values.decode(String.self, forKey: .cksum)
    guard let checksum = CrateChecksum(checksum) else {
      throw DecodingError.dataCorruptedError(
        forKey: .cksum, in: values, debugDescription: "the checksum is not 64 hexadecimal digits")
    }
    self.checksum = checksum
    let old = try values.decodeIfPresent([String: [String]].self, forKey: .features) ?? [:]
    let new = try values.decodeIfPresent([String: [String]].self, forKey: .features2) ?? [:]
    features = old.merging(new) { $0 + $1 }
    isYanked = try values.decodeIfPresent(Bool.self, forKey: .yanked) ?? false
    links = try values.decodeIfPresent(String.self, forKey: .links)
    rustVersion = try values.decodeIfPresent(String.self, forKey: .rustVersion)
    let time = try values.decodeIfPresent(String.self, forKey: .pubtime)
    let date = time.flatMap { try? Date($0, strategy: .iso8601) }
    publishedAt = date.map { Int64($0.timeIntervalSince1970) }
  }
}
