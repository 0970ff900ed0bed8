public import ExecutorKit
public import FarmModel

/// What a backend sends to a builder: one JSON object a text frame, with its kind in `type`.
public enum BackendMessage: Sendable, Equatable {
  case challenge(Challenge)
  case welcome(Welcome)
  case refused(Refused)
  case assign(Assign)
  case renewed(Renewed)
  case resumed(Resumed)
  case logReceived(LogReceived)
  case cancel(AttemptReference)
  /// No new jobs on this connection: the builder finishes what it has and stays. It is let work again by
  /// the end of the connection.
  case drain
  case accepted(AttemptReference)
  /// What was sent for this attempt came too late: the lease is another's. Stop and forget it.
  case stale(AttemptReference)
  case error(ProtocolError)
  case unknown(type: String)
}

/// Prove that the public key is yours.
public struct Challenge: Codable, Sendable, Equatable {
  /// 32 random bytes, 64 hexadecimal digits.
  public var nonce: String
  public init(nonce: String) { self.nonce = nonce }
}

/// The builder is in.
public struct Welcome: Codable, Sendable, Equatable {
  public var session: String
  /// The protocol version that both speak from now on.
  public var protocolVersion: Int
  public var heartbeatSeconds: Int
  public var leaseSeconds: Int

  enum CodingKeys: String, CodingKey {
    case session
    case protocolVersion = "protocol"
    case heartbeatSeconds = "heartbeat_seconds"
    case leaseSeconds = "lease_seconds"
  }

  public init(session: String, protocolVersion: Int, heartbeatSeconds: Int, leaseSeconds: Int) {
    self.session = session
    self.protocolVersion = protocolVersion
    self.heartbeatSeconds = heartbeatSeconds
    self.leaseSeconds = leaseSeconds
  }
}

/// The builder is not let in, or not any more; the connection ends.
public struct Refused: Codable, Sendable, Equatable {
  public enum Reason: String, Codable, Sendable {
    /// No protocol version in common: upgrade the older side.
    case protocolVersion = "protocol"
    /// The signature, key or origin is not valid.
    case authentication
    /// The key is known but waits for `buildsrs builders approve`: try again later.
    case pending
    /// An operator has disabled the builder.
    case disabled
    /// Another program has connected with the same key since.
    case replaced
    /// The backend cannot answer now (no database): try again, here or elsewhere.
    case unavailable
  }
  public var reason: Reason
  /// For people, with the remedy.
  public var message: String
  public init(reason: Reason, message: String) {
    self.reason = reason
    self.message = message
  }
}

/// Jobs for the builder's free slots, all of one version and environment.
public struct Assign: Codable, Sendable, Equatable {
  public var jobs: [AssignedJob]
  public var registry: Registry

  /// Where crates are downloaded from.
  public struct Registry: Codable, Sendable, Equatable {
    /// The `dl` template of the registry's `config.json` (Cargo's index format).
    public var downloadTemplate: String
    enum CodingKeys: String, CodingKey { case downloadTemplate = "download_template" }
    public init(downloadTemplate: String) { self.downloadTemplate = downloadTemplate }
  }

  public init(jobs: [AssignedJob], registry: Registry) {
    self.jobs = jobs
    self.registry = registry
  }
}

/// One job under a lease that has just begun.
public struct AssignedJob: Codable, Sendable, Equatable {
  public var job: Int64
  public var attempt: Int32
  /// Seconds that remain, to be counted on a monotonic clock from when the message came.
  public var leaseSeconds: Int
  public var plan: Plan
  public var sourceURL: String
  public var sourceChecksum: String
  /// `PUT {upload_url}/{file}`.
  public var uploadURL: String
  /// The bearer token of this attempt's uploads.
  public var uploadToken: String
  /// Whether a published build is built once more, to compare: nothing that an earlier build has left
  /// may be used. Absent: no.
  public var verification: Bool?
  /// The published archive whose binaries are to be inspected and started as the plan says: nothing is built,
  /// and the report names no artifacts. A builder that does not know this builds the plan, which will do, too.
  /// Absent: the plan is to be built.
  public var check: CheckedFile?

  enum CodingKeys: String, CodingKey {
    case job, attempt, plan, verification, check
    case leaseSeconds = "lease_seconds"
    case sourceURL = "source_url"
    case sourceChecksum = "source_checksum"
    case uploadURL = "upload_url"
    case uploadToken = "upload_token"
  }

  public init(
    job: Int64, attempt: Int32, leaseSeconds: Int, plan: Plan, sourceURL: String,
    sourceChecksum: String, uploadURL: String, uploadToken: String, isVerification: Bool = false,
    check: CheckedFile? = nil
  ) {
    self.job = job
    self.attempt = attempt
    self.leaseSeconds = leaseSeconds
    self.plan = plan
    self.sourceURL = sourceURL
    self.sourceChecksum = sourceChecksum
    self.uploadURL = uploadURL
    self.uploadToken = uploadToken
    verification = isVerification ? true : nil
    self.check = check
  }

  public var isVerification: Bool { verification ?? false }
  public var reference: AttemptReference { AttemptReference(job: job, attempt: attempt) }
}

/// The answer to `heartbeat`: what is still held; everything else that was asked for is lost.
public struct Renewed: Codable, Sendable, Equatable {
  public var attempts: [AttemptReference]
  public var leaseSeconds: Int
  enum CodingKeys: String, CodingKey {
    case attempts
    case leaseSeconds = "lease_seconds"
  }
  public init(attempts: [AttemptReference], leaseSeconds: Int) {
    self.attempts = attempts
    self.leaseSeconds = leaseSeconds
  }
}

/// The answer to `resume`: what is still held, with the last stored log sequence of each.
public struct Resumed: Codable, Sendable, Equatable {
  public struct Held: Codable, Sendable, Equatable {
    public var job: Int64
    public var attempt: Int32
    /// 0 where nothing of the log is stored.
    public var lastSequence: Int
    enum CodingKeys: String, CodingKey {
      case job, attempt
      case lastSequence = "last_sequence"
    }
    public init(job: Int64, attempt: Int32, lastSequence: Int) {
      self.job = job
      self.attempt = attempt
      self.lastSequence = lastSequence
    }
    public var reference: AttemptReference { AttemptReference(job: job, attempt: attempt) }
  }
  public var held: [Held]
  public var leaseSeconds: Int
  enum CodingKeys: String, CodingKey {
    case held
    case leaseSeconds = "lease_seconds"
  }
  public init(held: [Held], leaseSeconds: Int) {
    self.held = held
    self.leaseSeconds = leaseSeconds
  }
}

/// The chunk and all before it are stored: the builder need not send them again.
public struct LogReceived: Codable, Sendable, Equatable {
  public var job: Int64
  public var attempt: Int32
  public var sequence: Int
  public init(job: Int64, attempt: Int32, sequence: Int) {
    self.job = job
    self.attempt = attempt
    self.sequence = sequence
  }
}
