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
  /// Whether a request waits while a connection is being made that it may share (HTTP/2), rather than
  /// make another one: for many small requests to one host.
  public var prefersMultiplexing: Bool

  /// Creates a configuration; the defaults suit a builder or a registry client.
  public init(
    userAgent: String = "builds.rs/0.1", maximumConnectionsPerHost: Int = 32,
    connectTimeout: Duration = .seconds(10), prefersMultiplexing: Bool = false
  ) {
    self.userAgent = userAgent
    self.maximumConnectionsPerHost = maximumConnectionsPerHost
    self.connectTimeout = connectTimeout
    self.prefersMultiplexing = prefersMultiplexing
  }
}
