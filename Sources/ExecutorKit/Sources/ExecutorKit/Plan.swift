/// What a recipe and a target make of one version: the fully resolved inputs of one job.
///
/// Only ``inputs`` can change the bytes of the output, and only they are in the plan's digest; a
/// change of anything else re-runs checks, not the build.
public struct Plan: Codable, Sendable, Equatable {
  public var inputs: BuildInputs
  public var checks: BuildChecks
  public var limits: Limits

  public init(inputs: BuildInputs, checks: BuildChecks, limits: Limits) {
    self.inputs = inputs
    self.checks = checks
    self.limits = limits
  }
}

/// Everything that can change the bytes of the output.
public struct BuildInputs: Codable, Sendable, Equatable {
  /// The version of this structure, part of the digest: raised when a field's meaning changes.
  public static let currentSchema = 1

  public var schema: Int
  public var crate: String
  public var version: String
  /// SHA-256 of the `.crate` file, 64 lower-case hexadecimal digits.
  public var checksum: String
  /// The target triple.
  public var target: String
  /// The executor module's name.
  public var executor: String
  /// The module's part of the target's YAML.
  public var configuration: ConfigurationValue
  /// Which Rust the target asks for, as a version requirement such as `>=1.85`.
  public var rust: String
  /// `gcc` of the image, or `zig`.
  public var linker: String
  /// The oldest glibc that the artifacts must run with; nil: none is linked.
  public var glibc: String?
  /// Cargo features to switch on, sorted.
  public var features: [String]
  public var usesDefaultFeatures: Bool
  /// Which binaries to build; empty: all of them.
  public var binaries: [String]
  /// System packages by package system (`debian`), sorted.
  public var packages: [String: [String]]
  /// More variables for the build.
  public var environment: [String: String]
  /// SHA-256 of the lockfile that the farm made for a version without one; nil: the crate's own.
  public var lockfile: String?
  /// Seconds since 1970 for `SOURCE_DATE_EPOCH`.
  public var sourceDateEpoch: Int64

  public init(
    crate: String, version: String, checksum: String, target: String, executor: String,
    configuration: ConfigurationValue, rust: String = ">=1.85", linker: String = "gcc",
    glibc: String? = nil, features: [String] = [], usesDefaultFeatures: Bool = true,
    binaries: [String] = [], packages: [String: [String]] = [:],
    environment: [String: String] = [:], lockfile: String? = nil,
    sourceDateEpoch: Int64 = BuildInputs.defaultSourceDateEpoch
  ) {
    self.schema = Self.currentSchema
    self.crate = crate
    self.version = version
    self.checksum = checksum
    self.target = target
    self.executor = executor
    self.configuration = configuration
    self.rust = rust
    self.linker = linker
    self.glibc = glibc
    self.features = features
    self.usesDefaultFeatures = usesDefaultFeatures
    self.binaries = binaries
    self.packages = packages
    self.environment = environment
    self.lockfile = lockfile
    self.sourceDateEpoch = sourceDateEpoch
  }

  /// Where a registry does not tell when a version was published: 2020-01-01, any constant does.
  public static let defaultSourceDateEpoch: Int64 = 1_577_836_800
}

/// What the artifacts are held against after the build.
public struct BuildChecks: Codable, Sendable, Equatable {
  /// What starts a binary of the target on the builder: empty for nothing, else QEMU's command line.
  public var runner: [String]
  /// The shared libraries that a binary may need.
  public var needed: [String]
  /// How each binary is started; empty: `--version`, else `--help`.
  public var smoke: [SmokeTest]

  public init(runner: [String] = [], needed: [String] = [], smoke: [SmokeTest] = []) {
    self.runner = runner
    self.needed = needed
    self.smoke = smoke
  }
}

/// One start of a binary and what it must print.
public struct SmokeTest: Codable, Sendable, Equatable {
  /// The binary's name; nil: every binary.
  public var binary: String?
  public var arguments: [String]
  /// A regular expression that the output (both streams) must contain; nil: exit status 0 is enough.
  public var expect: String?

  public init(binary: String? = nil, arguments: [String], expect: String? = nil) {
    self.binary = binary
    self.arguments = arguments
    self.expect = expect
  }
}

/// What an attempt may use.
public struct Limits: Codable, Sendable, Equatable {
  /// Bytes of memory, without swap.
  public var memory: Int64
  /// Wall-clock seconds of the build stage.
  public var timeSeconds: Int
  /// Bytes of log, after which the attempt fails.
  public var log: Int64
  /// Bytes that the build may write.
  public var disk: Int64
  /// Processes and threads at once.
  public var processes: Int
  /// Processor cores; nil: all of the builder's slot.
  public var cores: Int?

  public init(
    memory: Int64 = 4 << 30, timeSeconds: Int = 900, log: Int64 = 10 << 20, disk: Int64 = 10 << 30,
    processes: Int = 1024, cores: Int? = nil
  ) {
    self.memory = memory
    self.timeSeconds = timeSeconds
    self.log = log
    self.disk = disk
    self.processes = processes
    self.cores = cores
  }
}
