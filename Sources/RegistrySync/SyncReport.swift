public import FarmModel

/// What one sync did.
public struct SyncReport: Sendable, Equatable {
  /// Crates that were asked for, or that a git index has listed as new or changed.
  public var crates = 0
  /// Those that are as they were.
  public var unchanged = 0
  /// Version lines that the backend has acknowledged.
  public var sent = 0
  /// `.crate` files that were looked into, or known without.
  public var looked = 0
  /// What the backend said about them, added up.
  public var receipt = RegistryReceipt(added: 0, changed: 0, unchanged: 0, jobs: 0)
  /// What was passed over, in no particular order; the first ``problemLimit`` of them.
  public private(set) var problems: [SyncProblem] = []
  /// How many there were.
  public private(set) var problemCount = 0

  /// How many problems are kept.
  public static let problemLimit = 1000

  public init() {}

  mutating func add(_ problem: SyncProblem) {
    problemCount += 1
    if problems.count < Self.problemLimit { problems.append(problem) }
  }
}

/// Something that a sync passed over: the rest went on.
public struct SyncProblem: Sendable, Equatable, CustomStringConvertible {
  /// The crate, or the name that is none.
  public let crate: String
  /// Which line, version or file, and what is wrong.
  public let reason: String

  public var description: String { "\(crate): \(reason)" }
}
