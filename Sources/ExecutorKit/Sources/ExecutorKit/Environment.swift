/// Which attempt something belongs to; every container, cgroup, mount and directory that a module
/// makes carries it.
public struct AttemptIdentity: Codable, Sendable, Hashable {
  /// The builder: its public key's first 16 hexadecimal digits, or `local` for `build` by hand.
  public var owner: String
  /// The job's number; 0 for a build by hand.
  public var job: Int64
  /// The attempt's number, from 1: the fence.
  public var attempt: Int32

  public init(owner: String, job: Int64, attempt: Int32) {
    self.owner = owner
    self.job = job
    self.attempt = attempt
  }
}

/// What a module is given to make an environment.
public struct PrepareRequest: Codable, Sendable {
  public var identity: AttemptIdentity
  public var plan: Plan
  public var limits: Limits
  /// What the environment's commands see of the host, and nothing else.
  public var mounts: [Mount]
  /// A directory of the attempt's own on the host, for the module's own files; removed afterwards.
  public var scratchDirectory: String
  /// A directory of the module's own on the host for what is costly to make (root file systems,
  /// toolchains). It outlives attempts, and every builder of the machine may share it at once; what
  /// is in it is named by digest and appears whole, by a rename.
  public var cacheDirectory: String
  /// Where the module finds its container and root-file-system files (`targets/executors`).
  public var filesDirectory: String

  public init(
    identity: AttemptIdentity, plan: Plan, limits: Limits, mounts: [Mount],
    scratchDirectory: String, cacheDirectory: String, filesDirectory: String
  ) {
    self.identity = identity
    self.plan = plan
    self.limits = limits
    self.mounts = mounts
    self.scratchDirectory = scratchDirectory
    self.cacheDirectory = cacheDirectory
    self.filesDirectory = filesDirectory
  }
}

/// A directory of the host that the environment sees.
public struct Mount: Codable, Sendable, Equatable {
  /// Absolute path on the host.
  public var source: String
  /// Absolute path in the environment, such as `/build/crate`.
  public var destination: String
  public var isWritable: Bool

  public init(source: String, destination: String, isWritable: Bool) {
    self.source = source
    self.destination = destination
    self.isWritable = isWritable
  }
}

/// What an environment is made of, for the build's record and its provenance.
public struct EnvironmentIdentity: Codable, Sendable, Equatable {
  /// `sha256:…` over image or root file system, with the toolchain in it.
  public var digest: String
  /// The whole line of `rustc --version`.
  public var rustc: String
  /// The whole line of `cargo --version`.
  public var cargo: String
  /// Linker and C compiler, by their version lines.
  public var linker: String
  /// `sha256:…` over all that builds what runs during a build (build scripts, procedural macros):
  /// environments that are equal in it, of whatever target, may share those within one version. Nil:
  /// nothing can be shared.
  public var hostDigest: String?
  /// More facts, such as the image's name.
  public var facts: [String: String]

  public init(
    digest: String, rustc: String, cargo: String, linker: String, hostDigest: String? = nil,
    facts: [String: String] = [:]
  ) {
    self.digest = digest
    self.hostDigest = hostDigest
    self.rustc = rustc
    self.cargo = cargo
    self.linker = linker
    self.facts = facts
  }

  /// The number in ``rustc``, such as `1.96.0`; empty when the line has another shape.
  public var rustVersion: String {
    let words = rustc.split(separator: " ")
    return words.count > 1 ? String(words[1]) : ""
  }
}

/// One command in an environment. Standard input is `/dev/null`; there is no terminal.
public struct EnvironmentCommand: Codable, Sendable {
  /// The program and its arguments; the program is searched in the environment's `PATH`.
  public var arguments: [String]
  /// All its variables but `PATH`, which the environment sets.
  public var variables: [String: String]
  public var workingDirectory: String
  /// Wall-clock seconds after which the command and all it started are killed.
  public var timeLimitSeconds: Int

  public init(
    _ arguments: [String], variables: [String: String] = [:], workingDirectory: String = "/",
    timeLimitSeconds: Int
  ) {
    self.arguments = arguments
    self.variables = variables
    self.workingDirectory = workingDirectory
    self.timeLimitSeconds = timeLimitSeconds
  }
}

/// A piece of what a command prints.
public struct CommandOutput: Sendable {
  public enum Stream: Sendable { case standardOutput, standardError }
  public var stream: Stream
  public var bytes: [UInt8]

  public init(_ stream: Stream, _ bytes: [UInt8]) {
    self.stream = stream
    self.bytes = bytes
  }
}

/// How a command ended.
public struct CommandResult: Sendable, Equatable {
  public enum Ending: Sendable, Equatable {
    case exited(status: Int32)
    case signalled(number: Int32)
    case timedOut
    /// The kernel killed the command or one of its children for want of memory.
    case outOfMemory
  }
  public var ending: Ending
  /// Wall-clock seconds.
  public var seconds: Double
  /// The highest use of memory in bytes, where the environment knows it.
  public var peakMemory: Int64?

  public init(_ ending: Ending, seconds: Double, peakMemory: Int64? = nil) {
    self.ending = ending
    self.seconds = seconds
    self.peakMemory = peakMemory
  }

  public var succeeded: Bool { ending == .exited(status: 0) }
}
