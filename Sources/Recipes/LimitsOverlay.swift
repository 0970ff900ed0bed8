public import ExecutorKit

/// The limits that a file names; the others, nil here, stay what they are.
public struct LimitsOverlay: Sendable, Equatable {
  /// Bytes of memory of all processes of a build together.
  public var memory: Int64?
  /// Seconds from the begin of a build to its end.
  public var timeSeconds: Int?
  /// Bytes of a build's log.
  public var log: Int64?
  /// Bytes that a build may write to disk.
  public var disk: Int64?
  /// Processes and threads at once.
  public var processes: Int?

  /// Names no limit.
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
    limits.memory = keys.size("memory")
    limits.log = keys.size("log")
    limits.disk = keys.size("disk")
    limits.timeSeconds = keys.value(
      "time", expected: Quantities.durationExample, parse: Quantities.duration)
    limits.processes = keys.count("processes", maximum: Quantities.maximumCount)
    return limits
  }
}
