public import ArtifactStorage
public import Postgres
public import Signing

/// Everything that a backend is told from outside.
public struct BackendConfiguration: Sendable, CustomStringConvertible {
  /// The address to listen on.
  public var host: String
  /// 0: any free port, which `BackendApplication` reports.
  public var port: Int
  public var database: PostgresAddress
  /// How many connections to the database at most, the listening one not counted.
  public var poolSize: Int
  /// How long a request waits for a database that is away before it is answered with 503.
  public var databasePatience: Duration
  public var storage: any ArtifactStore
  /// Where the storage's keys are public, such as a bucket's URL, without a slash at its end:
  /// downloads are redirected there; nil: the backend streams them itself.
  public var storagePublicURL: String?
  /// The origins under which clients and builders reach the farm, such as `https://builds.rs`; empty:
  /// `http://` and what is listened on.
  public var publicURLs: [String]
  /// Signs what is published; its public half must be registered in the database.
  public var signingKey: SigningKey
  public var recipesDirectory: String
  public var targetsDirectory: String
  public var migrationsDirectory: String
  /// The bearer token of the registry sync; nil: nobody may report versions.
  public var registryToken: String?
  /// Seconds from a claim or renewal to its expiry; at least 2.
  public var leaseSeconds: Int
  /// Seconds between a builder's heartbeats; nil: a quarter of the lease.
  public var heartbeatSeconds: Int?
  /// The largest file that a builder may upload, in bytes.
  public var maximumUploadBytes: Int64
  /// How many files an attempt may upload.
  public var maximumUploads: Int
  /// The largest body of `POST /api/v1/registry/versions`, in bytes.
  public var maximumRegistryBytes: Int
  /// How many builds one client address may ask for in a minute.
  public var requestsPerMinute: Int
  /// Which share of the published builds another builder builds once more, to compare: 0 (none) to
  /// 1 (each). Where no other approved builder can, none is.
  public var verifyShare: Double

  /// No secrets: neither keys nor tokens nor passwords.
  public var description: String {
    "backend on \(host):\(port), database \(database), key \(signingKey.publicKey.keyID)"
  }

  /// The settings without a default are those that no two farms share.
  public init(
    database: PostgresAddress, storage: any ArtifactStore, signingKey: SigningKey,
    recipesDirectory: String = "recipes", targetsDirectory: String = "targets",
    migrationsDirectory: String = "migrations", host: String = "127.0.0.1", port: Int = 8080,
    publicURLs: [String] = [], registryToken: String? = nil, leaseSeconds: Int = 60
  ) {
    self.host = host
    self.port = port
    self.database = database
    poolSize = 8
    databasePatience = .seconds(3)
    self.storage = storage
    storagePublicURL = nil
    self.publicURLs = publicURLs
    self.signingKey = signingKey
    self.recipesDirectory = recipesDirectory
    self.targetsDirectory = targetsDirectory
    self.migrationsDirectory = migrationsDirectory
    self.registryToken = registryToken
    self.leaseSeconds = leaseSeconds
    heartbeatSeconds = nil
    maximumUploadBytes = 1 << 30
    maximumUploads = 64
    maximumRegistryBytes = 16 << 20
    requestsPerMinute = 30
    verifyShare = 0.05
  }
}
