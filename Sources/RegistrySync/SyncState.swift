/// What the backend has acknowledged of an index as a whole.
///
/// It is only a memory: without it everything is sent again, which changes nothing at the backend.
struct SyncState: Codable, Sendable, Equatable {
  static let currentFormat = 2

  var format = currentFormat
  var indexURL: String
  var backendURL: String
  /// The download template that the backend knows.
  var downloadTemplate: String?
  /// Of a git index.
  var git: GitState?
  /// The last survey of downloads.
  var downloads: Survey?

  /// How far the backend knows how often crates were downloaded.
  struct Survey: Codable, Sendable, Equatable {
    /// Seconds since 1970.
    var begun: Int64
    /// What the web API calls the page that is next; nil: the first one, or there are no more.
    var next: String?
  }

  enum CodingKeys: String, CodingKey {
    case format, git, downloads
    case indexURL = "index_url"
    case backendURL = "backend_url"
    case downloadTemplate = "download_template"
  }

  init(indexURL: String, backendURL: String) {
    self.indexURL = indexURL
    self.backendURL = backendURL
  }

  /// Whether this is of the same registry and backend: another backend has acknowledged nothing yet.
  func isOf(indexURL: String, backendURL: String) -> Bool {
    self.indexURL == indexURL && self.backendURL == backendURL
  }
}

/// How far the backend knows a git index.
struct GitState: Codable, Sendable, Equatable {
  /// The crates that are followed, as a digest; nil: all.
  var filter: String?
  /// The commit that the backend knows whole.
  var commit: String?
  /// What was under way when the state was saved.
  var unfinished: Unfinished?
  /// Crates whose lines the backend has refused: they are sent whole at the next sync.
  var refused: [String] = []

  /// The way from ``GitState/commit`` (nil: from nothing) to a later one.
  struct Unfinished: Codable, Sendable, Equatable {
    var commit: String
    /// How many of the way's files, in git's order, are acknowledged.
    var files: Int
    /// Crates that are sent whole on this way, as ``GitState/refused`` was at its begin: what is refused
    /// meanwhile must not change which files the way has.
    var whole: [String] = []
  }
}
