public import FarmModel

/// What a registry sync needs to know.
public struct SyncConfiguration: Sendable {
  /// `sparse+https://HOST/PATH/`, `git+https://…` or `git+file:///…`, the setting `registry-url`.
  public var registryURL: String
  /// The backend's address, without a path of the API.
  public var backendURL: String
  /// The bearer token that the backend expects, from `registry-token-file`.
  public var token: String?
  /// Where the folder `registry-sync` is kept; made when it is missing.
  public var stateDirectory: String
  /// Crates to follow: the sparse protocol cannot list them. A git index can: none means all.
  public var crates: [CrateName]
  /// A file with more names, one a line; read again at every sync.
  public var cratesFile: String?
  /// From the end of one sync to the begin of the next.
  public var interval: Duration
  /// How many crates are asked for at once, 1 or more.
  public var concurrency: Int
  /// How many lines a request to the backend has at most.
  public var linesAtOnce = 20_000
  /// Whether the registry's web API is asked before a `.crate` is downloaded, the setting
  /// `registry-api`: at most once a second.
  public var asksAPI: Bool
  /// From the begin of one request to the registry's web API to that of the next.
  var apiInterval = Duration.seconds(1)
  /// Whether one sync may mark any number of crates deleted, the setting `allow-mass-deletion`.
  public var allowsMassDeletion = false

  public init(
    registryURL: String, backendURL: String, token: String?, stateDirectory: String,
    crates: [CrateName], cratesFile: String? = nil, interval: Duration = .seconds(60),
    concurrency: Int = 32, asksAPI: Bool = false
  ) {
    self.registryURL = registryURL
    self.backendURL = backendURL
    self.token = token
    self.stateDirectory = stateDirectory
    self.crates = crates
    self.cratesFile = cratesFile
    self.interval = interval
    self.concurrency = concurrency
    self.asksAPI = asksAPI
  }
}
