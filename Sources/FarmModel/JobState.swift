public import ExecutorKit

/// Where a job is. The same table is in the database as `CHECK` constraints.
public enum JobState: String, Codable, Sendable, CaseIterable {
  /// Waits for a builder. Can transition to `leased` and `cancelled`.
  case pending
  /// A builder works on it under a lease. Can transition to `succeeded`, `failed`, `cancelled`, and
  /// back to `pending` for another try.
  case leased
  /// Its artifacts are published. Can transition to `pending` when its plan changed.
  case succeeded
  /// A failure of the crate itself, or no retries left. Can transition to `pending`.
  case failed
  /// Yanked, opted out, or ended by an operator. Can transition to `pending`.
  case cancelled

  /// Whether the state is left only by a decision from outside.
  public var isFinal: Bool { self == .succeeded || self == .failed || self == .cancelled }
}

/// Why a job exists, in the order in which jobs are taken: lower raw values first.
public enum JobClass: Int, Codable, Sendable, CaseIterable, Comparable {
  /// Somebody asked for it.
  case request = 0
  /// A version that was just published.
  case new = 1
  /// Its plan changed.
  case rebuild = 2
  /// An old version, from the first sync.
  case backfill = 3

  public static func < (left: JobClass, right: JobClass) -> Bool { left.rawValue < right.rawValue }
  /// The word that the API and the pages use.
  public var name: String { String(describing: self) }
}

/// A stage of the build pipeline, in order.
public enum BuildStage: String, Codable, Sendable, CaseIterable {
  case fetch, prepare, build, inspect, smoke, package, upload
}

/// How an attempt ended: data, not an exception.
public enum AttemptOutcome: Codable, Sendable, Equatable {
  case succeeded
  case failed(FailureClass, message: String)

  private enum Keys: String, CodingKey {
    case result, message
    case failureClass = "failure_class"
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    switch try container.decode(String.self, forKey: .result) {
    case "succeeded": self = .succeeded
    case "failed":
      self = .failed(
        try container.decode(FailureClass.self, forKey: .failureClass),
        message: try container.decode(String.self, forKey: .message))
    case let other:
      throw DecodingError.dataCorruptedError(
        forKey: .result, in: container,
        debugDescription: "“\(other)” is neither succeeded nor failed")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    switch self {
    case .succeeded: try container.encode("succeeded", forKey: .result)
    case .failed(let failureClass, let message):
      try container.encode("failed", forKey: .result)
      try container.encode(failureClass, forKey: .failureClass)
      try container.encode(message, forKey: .message)
    }
  }
}
