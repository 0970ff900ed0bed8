public import BuildPipeline

/// What a builder is told.
public struct BuilderConfiguration: Sendable {
  /// The addresses of the backend, tried in turn. Not empty.
  public var backends: [BackendAddress]
  /// The builder's name, for people.
  public var name: String
  /// The builder program's version.
  public var version: String
  /// How many attempts run at once; at least 1.
  public var slots: Int
  public var labels: [String: String]
  /// A one-use invitation; nil: none.
  public var enrolmentToken: String?
  /// How long running attempts may take after the first request to stop; then they are cancelled.
  public var grace: Duration
  /// The time between two probes.
  public var probeInterval: Duration
  /// Added to a plan's time limit before a silent child is killed.
  public var silenceMargin: Duration
  /// Bytes of the crate store, above which the crates unused for longest are removed.
  public var storeLimit: Int64
  /// A compile cache that all attempts share; nil: none, as it should be for what is published.
  public var compileCache: CompileCache?

  public init(
    backends: [BackendAddress], name: String, version: String, slots: Int,
    labels: [String: String] = [:], enrolmentToken: String? = nil, grace: Duration = .seconds(600),
    probeInterval: Duration = .seconds(60), silenceMargin: Duration = .seconds(900),
    storeLimit: Int64 = 20 << 30, compileCache: CompileCache? = nil
  ) {
    self.backends = backends
    self.name = name
    self.version = version
    self.slots = max(1, slots)
    self.labels = labels
    self.enrolmentToken = enrolmentToken
    self.grace = grace
    self.probeInterval = probeInterval
    self.silenceMargin = silenceMargin
    self.storeLimit = storeLimit
    self.compileCache = compileCache
  }
}

/// A wish of the operator, by signal.
public enum StopRequest: Sendable, Equatable {
  /// No new jobs; end when the running attempts are done.
  case drain
  /// Cancel what runs, and end.
  case cancel
}
