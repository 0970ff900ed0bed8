/// A setting of the three programs. One name everywhere: flag `--database-url`, variable
/// `BUILDSRS_DATABASE_URL`, key `database-url` of the file given by `--config`.
public enum SettingName: String, Sendable, CaseIterable {
  case databaseURL = "database-url"
  case storageURL = "storage-url"
  case storagePublicURL = "storage-public-url"
  case registryURL = "registry-url"
  case registryAPI = "registry-api"
  case allowMassDeletion = "allow-mass-deletion"
  case listen
  case backendURL = "backend-url"
  case stateDirectory = "state-directory"
  case publicURL = "public-url"
  case signingKeyFile = "signing-key-file"
  case registryTokenFile = "registry-token-file"
  case enrolmentTokenFile = "enrolment-token-file"
  case recipesDirectory = "recipes-directory"
  case targetsDirectory = "targets-directory"
  case modulesDirectory = "modules-directory"
  case cacheDirectory = "cache-directory"
  case logLevel = "log-level"

  /// `--database-url`.
  public var flag: String { "--" + rawValue }

  /// `BUILDSRS_DATABASE_URL`.
  public var variable: String {
    "BUILDSRS_" + rawValue.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
  }

  /// Whether it may have several values: flags repeated, variables with commas, lists in the file.
  public var isList: Bool { self == .publicURL }

  /// Which texts it accepts, as messages say it.
  var expected: String {
    switch self {
    case .databaseURL: "postgresql://USER@HOST/DATABASE or host=… dbname=…"
    case .storageURL: "file:///DIRECTORY or s3://BUCKET/PREFIX?endpoint=URL&region=R"
    case .storagePublicURL: "a URL such as https://artifacts.example.org/farm"
    case .registryURL: "sparse+https://…, git+https://… or git+file:///…"
    case .registryAPI, .allowMassDeletion: "on or off"
    case .listen: "HOST:PORT such as 127.0.0.1:8080"
    case .backendURL, .publicURL: "an origin such as https://builds.example.org"
    case .logLevel: LogLevel.allCases.map(\.rawValue).joined(separator: ", ")
    case .stateDirectory, .recipesDirectory, .targetsDirectory, .modulesDirectory,
      .cacheDirectory:
      "a directory"
    case .signingKeyFile, .registryTokenFile, .enrolmentTokenFile: "a file"
    }
  }

  /// Whether a text will do.
  func accepts(_ text: String) -> Bool {
    switch self {
    case .databaseURL:
      text.hasPrefix("postgresql://") || text.hasPrefix("postgres://") || text.contains("=")
    case .storageURL: text.hasPrefix("file:///") || text.hasPrefix("s3://")
    case .storagePublicURL: WebAddress.isURL(text)
    case .registryURL:
      WebAddress.isURL(text, prefixes: ["sparse+", "git+"]) || text.hasPrefix("git+file:///")
    case .registryAPI, .allowMassDeletion: text == "on" || text == "off"
    case .listen: ListenAddress(text) != nil
    case .backendURL, .publicURL: WebAddress.origin(text) != nil
    case .logLevel: LogLevel(rawValue: text) != nil
    default: !text.isEmpty
    }
  }
}
