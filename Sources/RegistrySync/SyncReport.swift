public import FarmModel

/// What one sync did.
public struct SyncReport: Sendable, Equatable {
  /// Crates that were asked for.
  public var crates = 0
  /// Those that are as they were.
  public var unchanged = 0
  /// Version lines that the backend has acknowledged.
  public var sent = 0
  /// What the backend said about them, added up.
  public var receipt = RegistryReceipt(added: 0, changed: 0, unchanged: 0, jobs: 0)
  /// What was passed over, in no particular order.
  public var problems: [SyncProblem] = []

  public init() {}
}

/// Something that a sync passed over: the rest went on.
public struct SyncProblem: Sendable, Equatable, CustomStringConvertible {
  /// The crate, or the name that is none.
  public let crate: String
  /// Which line, version or file, and what is wrong.
  public let reason: String

  public var description: String { "\(crate): \(reason)" }
}
