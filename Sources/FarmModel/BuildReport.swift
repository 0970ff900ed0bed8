public import ExecutorKit

/// What a successful build found out about itself: kept with the build and served by the API.
public struct BuildReport: Codable, Sendable, Equatable {
  public var binaries: [BinaryReport]
  /// Binaries of the manifest that were not built, with the features that they need.
  public var leftOut: [LeftOutBinary]
  public var environment: EnvironmentIdentity
  /// Wall-clock seconds by stage.
  public var seconds: [String: Double]
  public var artifacts: [ArtifactReport]

  public init(
    binaries: [BinaryReport], leftOut: [LeftOutBinary], environment: EnvironmentIdentity,
    seconds: [String: Double], artifacts: [ArtifactReport]
  ) {
    self.binaries = binaries
    self.leftOut = leftOut
    self.environment = environment
    self.seconds = seconds
    self.artifacts = artifacts
  }

  /// The highest glibc floor of all binaries; nil where none needs glibc.
  public var glibcFloor: String? {
    binaries.compactMap(\.inspection.glibcFloor).max { GlibcVersion($0) < GlibcVersion($1) }
  }
}

/// One binary: what it is and how it started.
public struct BinaryReport: Codable, Sendable, Equatable {
  public var name: String
  /// Bytes.
  public var size: Int64
  public var sha256: String
  public var inspection: Inspection
  public var smoke: [SmokeReport]

  public init(
    name: String, size: Int64, sha256: String, inspection: Inspection, smoke: [SmokeReport] = []
  ) {
    self.name = name
    self.size = size
    self.sha256 = sha256
    self.inspection = inspection
    self.smoke = smoke
  }
}

/// What stands in a binary's ELF headers.
public struct Inspection: Codable, Sendable, Equatable {
  /// `ELF64` or `ELF32`.
  public var format: String
  /// The machine by its usual name: `aarch64`, `x86_64`.
  public var machine: String
  /// `little` or `big`.
  public var endianness: String
  /// The program interpreter; nil for a static binary.
  public var interpreter: String?
  /// The shared libraries that it needs, in the file's order.
  public var needed: [String]
  /// The highest symbol version `GLIBC_x.y` that it asks for, as `x.y`; nil: none.
  public var glibcFloor: String?

  public init(
    format: String, machine: String, endianness: String, interpreter: String?, needed: [String],
    glibcFloor: String?
  ) {
    self.format = format
    self.machine = machine
    self.endianness = endianness
    self.interpreter = interpreter
    self.needed = needed
    self.glibcFloor = glibcFloor
  }
}

/// One start of a binary on its own architecture.
public struct SmokeReport: Codable, Sendable, Equatable {
  public enum Verdict: String, Codable, Sendable {
    /// The recipe's expectation was met.
    case expected
    /// It ended with exit status 0.
    case answered
    /// It started, but ended otherwise or still ran at the limit.
    case started
  }
  public var arguments: [String]
  public var verdict: Verdict
  /// The first 4 KiB of what it printed, both streams, with U+FFFD for invalid UTF-8.
  public var output: String
  /// Nil where it still ran at the limit.
  public var exitStatus: Int32?
  public var runner: [String]

  public init(
    arguments: [String], verdict: Verdict, output: String, exitStatus: Int32?, runner: [String]
  ) {
    self.arguments = arguments
    self.verdict = verdict
    self.output = output
    self.exitStatus = exitStatus
    self.runner = runner
  }
}

/// A binary that the manifest declares but this plan does not build.
public struct LeftOutBinary: Codable, Sendable, Equatable {
  public var name: String
  public var requiredFeatures: [String]
  public init(name: String, requiredFeatures: [String]) {
    self.name = name
    self.requiredFeatures = requiredFeatures
  }
}

/// What kind of file an artifact is.
public enum ArtifactKind: String, Codable, Sendable, CaseIterable {
  case binary, debian, metadata, sbom, provenance, log
}

/// One file that an attempt uploads.
public struct ArtifactReport: Codable, Sendable, Equatable {
  /// The file's public name, such as `ripgrep-13.0.0-aarch64-unknown-linux-gnu.tar.gz`.
  public var name: String
  public var kind: ArtifactKind
  /// Bytes.
  public var size: Int64
  public var sha256: String

  public init(name: String, kind: ArtifactKind, size: Int64, sha256: String) {
    self.name = name
    self.kind = kind
    self.size = size
    self.sha256 = sha256
  }
}

/// A glibc version as in `GLIBC_2.34`, ordered by its numbers; what is no number counts as 0.
public struct GlibcVersion: Comparable, Sendable {
  private let numbers: [Int]
  public init(_ text: some StringProtocol) {
    numbers = text.split(separator: ".").map { Int($0) ?? 0 }
  }
  public static func < (left: GlibcVersion, right: GlibcVersion) -> Bool {
    left.numbers.lexicographicallyPrecedes(right.numbers)
  }
}
