/// What a client reads of `GET /api/v1/crates/{crate}`.
public struct CrateAnswer: Decodable, Sendable {
  public struct Version: Decodable, Sendable {
    public let version: String
    /// The jobs' states by target.
    public let targets: [String: String]
  }
  public let name: String
  public let newestVersion: String?
  public let versions: [Version]
}

/// What a client reads of `GET /api/v1/crates/{crate}/{version}`.
public struct VersionAnswer: Decodable, Sendable {
  public struct Target: Decodable, Sendable {
    public let target: String
    public let state: String
    public let job: Int64?
    public let failure: FailureAnswer?
    public let artifacts: [ArtifactAnswer]
  }
  public let crate: String
  public let version: String
  public let targets: [Target]
}

public struct ArtifactAnswer: Decodable, Sendable {
  public let name: String
  public let kind: String
  public let size: Int64
  public let sha256: String
  /// Absolute, or a path at the API's origin.
  public let url: String
}

public struct FailureAnswer: Decodable, Sendable {
  public let failureClass: String
  public let message: String
}

/// What a client reads of `GET /api/v1/jobs/{id}`.
public struct JobAnswer: Decodable, Sendable {
  public struct Attempt: Decodable, Sendable {
    public let attempt: Int
    public let builder: String
    public let stage: String?
    public let result: String?
    public let failure: FailureAnswer?
  }
  public struct Build: Decodable, Sendable {
    public struct Binary: Decodable, Sendable {
      public struct Inspection: Decodable, Sendable {
        public let format: String
        public let machine: String
        public let needed: [String]
        public let glibcFloor: String?
      }
      public struct Smoke: Decodable, Sendable {
        public let arguments: [String]
        public let verdict: String
        public let output: String
      }
      public let name: String
      public let inspection: Inspection
      public let smoke: [Smoke]
    }
    public let revision: Int
    public let toolchain: String
    public let glibcFloor: String?
    public let libraries: [String]
    public let binaries: [Binary]
    public let seconds: [String: Double]
  }
  public let id: Int64
  public let crate: String
  public let version: String
  public let target: String
  public let state: String
  public let failure: FailureAnswer?
  public let attempts: [Attempt]
  public let build: Build?

  /// Whether nothing more will happen to the job by itself.
  public var isFinal: Bool { ["succeeded", "failed", "cancelled"].contains(state) }
}

struct BuildersAnswer: Decodable { let builders: [BuilderAnswer] }

/// What a client reads of one of `GET /api/v1/builders`.
public struct BuilderAnswer: Decodable, Sendable {
  public struct Capabilities: Decodable, Sendable {
    public struct Target: Decodable, Sendable {
      public let triple: String
      /// `ready`, `unhealthy` or `absent`.
      public let health: String
      public let reason: String?
      public let remedy: String?
    }
    public let targets: [Target]
  }
  public let name: String
  public let state: String
  /// Nil: it has never told any.
  public let capabilities: Capabilities?
}
