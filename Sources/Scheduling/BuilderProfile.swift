public import ExecutorKit

/// What a builder has, as far as matching goes: read from the JSON of its `capabilities` message.
public struct BuilderProfile: Sendable, Equatable, Decodable {
  public struct Target: Sendable, Equatable, Decodable {
    public var triple: String
    /// The executor module's name.
    public var module: String
    public var health: TargetHealth

    public init(triple: String, module: String, health: TargetHealth) {
      self.triple = triple
      self.module = module
      self.health = health
    }
  }
  public struct Module: Sendable, Equatable, Decodable {
    public var name: String
    public var version: String

    public init(name: String, version: String) {
      self.name = name
      self.version = version
    }
  }
  public var targets: [Target]
  public var modules: [Module]
  public var memoryBytes: Int64
  public var diskBytes: Int64
  public var labels: [String: String]
  /// How many attempts it runs at once, which share memory and disk.
  public var slots: Int

  private enum CodingKeys: String, CodingKey {
    case targets, modules, labels, slots
    case memoryBytes = "memory_bytes"
    case diskBytes = "disk_bytes"
  }

  public init(
    targets: [Target], modules: [Module], memoryBytes: Int64, diskBytes: Int64,
    labels: [String: String], slots: Int
  ) {
    self.targets = targets
    self.modules = modules
    self.memoryBytes = memoryBytes
    self.diskBytes = diskBytes
    self.labels = labels
    self.slots = slots
  }

  /// Bytes of memory for one slot.
  var slotMemory: Int64 { memoryBytes / Int64(max(1, slots)) }
  /// Bytes of disk for one slot.
  var slotDisk: Int64 { diskBytes / Int64(max(1, slots)) }
}
