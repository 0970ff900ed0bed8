public import ExecutorKit

/// The limits that a file names; the others stay what they are.
public struct LimitsOverlay: Sendable, Equatable {
  public var memory: Int64?
  public var timeSeconds: Int?
  public var log: Int64?
  public var disk: Int64?
  public var processes: Int?

  public init() {}

  /// The limits with what is named here in place of what was there.
  public func applied(to limits: Limits) -> Limits {
    var result = limits
    result.memory = memory ?? limits.memory
    result.timeSeconds = timeSeconds ?? limits.timeSeconds
    result.log = log ?? limits.log
    result.disk = disk ?? limits.disk
    result.processes = processes ?? limits.processes
    return result
  }

  static func read(_ node: YAMLNode, _ reader: YAMLReader) -> LimitsOverlay? {
    guard
      let keys = MappingReader(
        node, reader, name: quoted("limits"), keys: ["memory", "time", "log", "disk", "processes"])
    else { return nil }
    var limits = LimitsOverlay()
    limits.memory = keys.value("memory", expected: Quantities.sizeExample, parse: Quantities.size)
    limits.log = keys.value("log", expected: Quantities.sizeExample, parse: Quantities.size)
    limits.disk = keys.value("disk", expected: Quantities.sizeExample, parse: Quantities.size)
    limits.timeSeconds = keys.value(
      "time", expected: Quantities.durationExample, parse: Quantities.duration)
    limits.processes = keys.value("processes", expected: "a whole number from 1 to 1000000") {
      Quantities.count($0, maximum: 1_000_000)
    }
    return limits
  }
}
