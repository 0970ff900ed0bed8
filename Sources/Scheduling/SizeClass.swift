public import ExecutorKit

/// Memory as a small number in the claim's index: the power of two of GiB that a builder must have.
public struct SizeClass: Sendable, Hashable, Comparable {
  /// 0 (1 GiB) to 10 (1 TiB).
  public let rawValue: Int

  /// The smallest class that holds a job's memory limit.
  public init(holding limits: Limits) {
    var size = 0
    while size < 10, Int64(1) << (30 + size) < limits.memory { size += 1 }
    rawValue = size
  }

  /// The largest class that fits into a builder's memory; nil below 1 GiB.
  public init?(fittingInto memoryBytes: Int64) {
    guard memoryBytes >= 1 << 30 else { return nil }
    var size = 0
    while size < 10, Int64(1) << (31 + size) <= memoryBytes { size += 1 }
    rawValue = size
  }

  public static func < (left: SizeClass, right: SizeClass) -> Bool {
    left.rawValue < right.rawValue
  }
}

extension Limits {
  /// The limits of the second try after `out-of-memory` or `timeout`.
  public var doubled: Limits {
    var limits = self
    limits.memory *= 2
    limits.timeSeconds *= 2
    return limits
  }
}
