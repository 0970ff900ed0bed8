/// A question to a module: which of these targets can you build for here?
public struct ProbeRequest: Codable, Sendable {
  public struct Target: Codable, Sendable, Equatable {
    public var triple: String
    /// The module's part of the target's YAML.
    public var configuration: ConfigurationValue

    public init(triple: String, configuration: ConfigurationValue) {
      self.triple = triple
      self.configuration = configuration
    }
  }
  /// The targets whose YAML names this module.
  public var targets: [Target]
  /// Where the module finds its container and root-file-system files (`targets/executors`).
  public var filesDirectory: String
  /// As ``PrepareRequest/cacheDirectory``; it may not exist yet, and a probe makes nothing in it.
  public var cacheDirectory: String

  public init(targets: [Target], filesDirectory: String, cacheDirectory: String) {
    self.targets = targets
    self.filesDirectory = filesDirectory
    self.cacheDirectory = cacheDirectory
  }
}

/// How a module feels about one target on this machine.
public enum TargetHealth: Codable, Sendable, Equatable {
  /// A build can start at once. The Rust toolchains that the environment has, newest first, such as
  /// `1.96.0`; empty where that is known only after the environment has been made.
  case ready(toolchains: [String])
  /// Something is there but does not work; the remedy is what an operator should do.
  case unhealthy(reason: String, remedy: String)
  /// The machine has nothing for this target.
  case absent(reason: String)
}

/// The answer to a ``ProbeRequest``.
public struct ProbeReport: Codable, Sendable, Equatable {
  /// By target triple; every target that was asked about is in it.
  public var targets: [String: TargetHealth]
  /// Facts about engines and emulators found, for people: `docker engine` → `20.10.24, API 1.41`.
  public var facts: [String: String]

  public init(targets: [String: TargetHealth], facts: [String: String] = [:]) {
    self.targets = targets
    self.facts = facts
  }
}

/// Names the attempts whose leftovers must stay.
public struct SweepRequest: Codable, Sendable {
  /// The builder whose leftovers are looked for.
  public var owner: String
  public var alive: [AttemptIdentity]
  public init(owner: String, alive: [AttemptIdentity]) {
    self.owner = owner
    self.alive = alive
  }
}

/// What a sweep removed, one line each, for the log.
public struct SweepReport: Codable, Sendable, Equatable {
  public var removed: [String]
  public init(removed: [String]) { self.removed = removed }
}
