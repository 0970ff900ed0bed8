public import ExecutorKit
public import FarmModel

/// The versions of the protocol that this code speaks, as the range that `hello` carries.
public let supportedProtocolVersions: ClosedRange<Int> = 1...1

/// What a builder sends: one JSON object a text frame, with its kind in `type`.
public enum BuilderMessage: Sendable, Equatable {
  case hello(Hello)
  case authenticate(Authenticate)
  case capabilities(Capabilities)
  case ready(Ready)
  case progress(Progress)
  case log(LogChunk)
  case heartbeat(Heartbeat)
  case finished(Finished)
  case resume(Heartbeat)
  case error(ProtocolError)
  /// A type that this version does not know: answered with `error`, then ignored.
  case unknown(type: String)
}

/// The first message: who calls and what it speaks.
public struct Hello: Codable, Sendable, Equatable {
  /// Lowest and highest version that the builder speaks.
  public var protocolRange: [Int]
  /// The builder's name, for people.
  public var name: String
  /// The builder's Ed25519 public key, 64 hexadecimal digits.
  public var publicKey: String
  /// The builder program's version.
  public var version: String
  /// A one-use invitation made by `buildsrs builders invite`; nil: the key is known or must wait.
  public var enrolmentToken: String?
  /// A random text of this run of the builder's program, at most 64 bytes: tells its own older connection
  /// from another program with the same key. Absent: not told.
  public var instance: String?

  enum CodingKeys: String, CodingKey {
    case protocolRange = "protocol"
    case name
    case publicKey = "public_key"
    case version
    case enrolmentToken = "enrolment_token"
    case instance
  }

  public init(
    protocolRange: [Int], name: String, publicKey: String, version: String,
    enrolmentToken: String? = nil, instance: String? = nil
  ) {
    self.protocolRange = protocolRange
    self.name = name
    self.publicKey = publicKey
    self.version = version
    self.enrolmentToken = enrolmentToken
    self.instance = instance
  }
}

/// The answer to a challenge.
public struct Authenticate: Codable, Sendable, Equatable {
  /// Ed25519 over ``challengeMessage(nonce:origin:)``, 128 hexadecimal digits.
  public var signature: String
  /// The origin that the builder dialled, such as `http://127.0.0.1:8080`.
  public var origin: String

  public init(signature: String, origin: String) {
    self.signature = signature
    self.origin = origin
  }
}

/// The bytes that a builder signs: bound to this protocol, the nonce and the origin, so that no other
/// server can have them signed and pass them on.
public func challengeMessage(nonce: [UInt8], origin: String) -> [UInt8] {
  Array("buildsrs-builder-v1\0".utf8) + nonce + Array(origin.utf8)
}

/// What a builder can do now. Sent after `welcome` and whenever a probe changes something.
public struct Capabilities: Codable, Sendable, Equatable {
  public struct Module: Codable, Sendable, Equatable {
    public var name: String
    public var version: String
    public init(name: String, version: String) {
      self.name = name
      self.version = version
    }
  }
  /// One target that a module is asked for, with the module's answer.
  public struct Target: Codable, Sendable, Equatable {
    public var triple: String
    public var module: String
    public var health: TargetHealth
    public init(triple: String, module: String, health: TargetHealth) {
      self.triple = triple
      self.module = module
      self.health = health
    }
  }
  public var modules: [Module]
  public var targets: [Target]
  /// The builder's own processor, such as `x86_64`.
  public var architecture: String
  public var cores: Int
  public var memoryBytes: Int64
  public var diskBytes: Int64
  public var labels: [String: String]
  /// How many attempts the builder runs at once.
  public var slots: Int

  enum CodingKeys: String, CodingKey {
    case modules, targets, architecture, cores, labels, slots
    case memoryBytes = "memory_bytes"
    case diskBytes = "disk_bytes"
  }

  public init(
    modules: [Module], targets: [Target], architecture: String, cores: Int, memoryBytes: Int64,
    diskBytes: Int64, labels: [String: String] = [:], slots: Int
  ) {
    self.modules = modules
    self.targets = targets
    self.architecture = architecture
    self.cores = cores
    self.memoryBytes = memoryBytes
    self.diskBytes = diskBytes
    self.labels = labels
    self.slots = slots
  }
}

/// How many slots are free now. The latest one counts; `assign` uses them up.
public struct Ready: Codable, Sendable, Equatable {
  public var slots: Int
  public init(slots: Int) { self.slots = slots }
}

/// The stage that an attempt has begun.
public struct Progress: Codable, Sendable, Equatable {
  public var job: Int64
  public var attempt: Int32
  public var stage: BuildStage
  public init(job: Int64, attempt: Int32, stage: BuildStage) {
    self.job = job
    self.attempt = attempt
    self.stage = stage
  }
}

/// A piece of an attempt's log.
public struct LogChunk: Codable, Sendable, Equatable {
  public var job: Int64
  public var attempt: Int32
  /// From 1 upwards without gaps; a chunk that comes twice is stored once.
  public var sequence: Int
  /// Valid UTF-8, at most 64 KiB.
  public var text: String
  public init(job: Int64, attempt: Int32, sequence: Int, text: String) {
    self.job = job
    self.attempt = attempt
    self.sequence = sequence
    self.text = text
  }
}

/// A job and its attempt's number: what a lease is held for.
public struct AttemptReference: Codable, Sendable, Hashable {
  public var job: Int64
  public var attempt: Int32
  public init(job: Int64, attempt: Int32) {
    self.job = job
    self.attempt = attempt
  }
}

/// All attempts that the builder works on: renews their leases (`heartbeat`), or asks after a
/// reconnect which of them it still holds (`resume`). What the first `resume` or `ready` of a connection
/// finds with the builder and neither it nor a heartbeat has named, the builder has given up.
public struct Heartbeat: Codable, Sendable, Equatable {
  public var attempts: [AttemptReference]
  public init(attempts: [AttemptReference]) { self.attempts = attempts }
}

/// The end of an attempt, after its artifacts have been uploaded.
public struct Finished: Codable, Sendable, Equatable {
  public var job: Int64
  public var attempt: Int32
  public var outcome: AttemptOutcome
  /// There when the outcome is `succeeded`; its artifacts are those that were uploaded.
  public var report: BuildReport?
  public init(job: Int64, attempt: Int32, outcome: AttemptOutcome, report: BuildReport?) {
    self.job = job
    self.attempt = attempt
    self.outcome = outcome
    self.report = report
  }
}

/// Tells the other side what was wrong with what it sent.
public struct ProtocolError: Codable, Sendable, Equatable {
  public var message: String
  public init(message: String) { self.message = message }
}
