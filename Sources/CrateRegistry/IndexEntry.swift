public import FarmModel

/// One published version: what the farm wants of a line of an index file
/// (doc.rust-lang.org/cargo/reference/registry-index.html, "JSON schema").
public struct IndexEntry: Sendable, Equatable {
  /// The crate's name as it was published.
  public let name: CrateName
  /// The version.
  public let version: Semver
  /// The SHA-256 of the `.crate`.
  public let checksum: CrateChecksum
  /// Whether the version was withdrawn.
  public let isYanked: Bool
  /// The oldest Rust that the author promises.
  public let rustVersion: String?
  /// Seconds since 1970 at publication, where the index tells (`pubtime`).
  public let publishedAt: Int64?
}
