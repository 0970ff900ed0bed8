/// A builder's record of failures that were its own, or looked like it.
public struct BuilderRecord: Sendable, Equatable {
  /// Crates whose attempts ended in `infrastructure` or `lease-lost`, one after the other.
  public var failedCrates: [Int64]
  /// How often it had to pause since its last success.
  public var quarantines: Int

  public init(failedCrates: [Int64] = [], quarantines: Int = 0) {
    self.failedCrates = failedCrates
    self.quarantines = quarantines
  }
}

/// When a builder gets no job for a while: a function of values.
public struct QuarantinePolicy: Sendable, Equatable {
  /// From how many different crates in a row a builder must fail.
  public var crates = 3
  /// The first pause; each following one is twice as long.
  public var firstPauseSeconds = 10.0
  public var longestPauseSeconds = 3600.0
  /// On how many builders a job must fail to count against itself, and not against them.
  public var suspectAfterBuilders = 3

  public init() {}

  /// What a failed attempt for want of infrastructure means for its builder.
  ///
  /// - Returns: The new record, and for how many seconds the builder gets no job; 0: it goes on.
  public func failed(_ record: BuilderRecord, crate: Int64) -> (BuilderRecord, pause: Double) {
    var record = record
    if !record.failedCrates.contains(crate) { record.failedCrates.append(crate) }
    guard record.failedCrates.count >= crates else { return (record, 0) }
    let pause = firstPauseSeconds * Double(1 << min(record.quarantines, 30))
    return (
      BuilderRecord(quarantines: record.quarantines + 1), min(pause, longestPauseSeconds)
    )
  }

  /// Whether a job that has failed for want of infrastructure on so many builders is held for an
  /// operator.
  public func isSuspect(builders: Int) -> Bool { builders >= suspectAfterBuilders }
}
