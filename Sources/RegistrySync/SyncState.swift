import FarmModel

/// What the backend has acknowledged, and what the registry need not be asked again.
///
/// It is only a memory: without it everything is sent again, which changes nothing at the backend.
struct SyncState: Codable, Sendable, Equatable {
  static let currentFormat = 1

  var format = currentFormat
  var indexURL: String
  var backendURL: String
  /// The download template that the backend knows.
  var downloadTemplate: String?
  /// By the crate's normalised name.
  var crates: [String: CrateState] = [:]

  enum CodingKeys: String, CodingKey {
    case format, crates
    case indexURL = "index_url"
    case backendURL = "backend_url"
    case downloadTemplate = "download_template"
  }

  init(indexURL: String, backendURL: String) {
    self.indexURL = indexURL
    self.backendURL = backendURL
  }

  /// The state to begin with: this one, if it is of the same registry and backend.
  ///
  /// Another backend has acknowledged nothing yet; what is in a `.crate` stays true.
  func adapted(indexURL: String, backendURL: String) -> SyncState {
    if self.indexURL == indexURL && self.backendURL == backendURL { return self }
    var fresh = SyncState(indexURL: indexURL, backendURL: backendURL)
    fresh.crates = crates.mapValues { CrateState(contents: $0.contents) }
    return fresh
  }
}

/// What is remembered of one crate.
struct CrateState: Codable, Sendable, Equatable {
  /// `ETag` and `Last-Modified` of the index file; both nil: ask for the whole file again.
  var etag: String?
  var lastModified: String?
  /// By version: the digest of the line that the backend has acknowledged.
  var versions: [String: String] = [:]
  /// By checksum: what was found in a `.crate`, so that none is looked into twice.
  var contents: [String: CrateContents] = [:]

  enum CodingKeys: String, CodingKey {
    case etag, versions, contents
    case lastModified = "last_modified"
  }
}
