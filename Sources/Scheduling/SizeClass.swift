public import ExecutorKit

/// An amount of memory or disk as a small number: the power of two of GiB that a builder must have.
public struct SizeClass: Sendable, Hashable, Comparable {
  /// 0 (1 GiB) to 20 (1 PiB); of memory at most ``largestMemory``.
  public let rawValue: Int

  /// 1 TiB of memory.
  public static let largestMemory = 10

  public init(rawValue: Int) { self.rawValue = min(max(rawValue, 0), 20) }

  /// The smallest class that holds so many bytes.
  public init(holdingBytes bytes: Int64, most: Int = 20) {
    var size = 0
    while size < most, Int64(1) << (30 + size) < bytes { size += 1 }
    rawValue = size
  }

  /// The smallest class that holds a job's memory limit.
  public init(holding limits: Limits) {
    self.init(holdingBytes: limits.memory, most: Self.largestMemory)
  }

  /// The largest class that fits into so many bytes; nil below 1 GiB.
  public init?(fittingInto bytes: Int64) {
    guard bytes >= 1 << 30 else { return nil }
    var size = 0
    while size < 20, Int64(1) << (31 + size) <= bytes { size += 1 }
    rawValue = size
  }

  /// Twice as much.
  public var doubled: SizeClass { SizeClass(rawValue: rawValue + 1) }

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
