/// What all requests of one client have in common.
public struct TransferConfiguration: Sendable {
  /// The `User-Agent` header.
  public var userAgent: String
  /// How many connections one host may have at once; more requests wait. 0: no bound.
  ///
  /// A stream occupies its connection until it ends.
  public var maximumConnectionsPerHost: Int
  /// How long name resolution, connecting and the TLS handshake may take together.
  public var connectTimeout: Duration

  /// Creates a configuration; the defaults suit a builder or a registry client.
  public init(
    userAgent: String = "builds.rs/0.1", maximumConnectionsPerHost: Int = 32,
    connectTimeout: Duration = .seconds(10)
  ) {
    self.userAgent = userAgent
    self.maximumConnectionsPerHost = maximumConnectionsPerHost
    self.connectTimeout = connectTimeout
  }
}
