public import ExecutorKit
import FarmModel

/// What a builder must have for a job. Many jobs share one.
public struct JobRequirement: Sendable, Hashable {
  public var target: String
  /// The executor module's name.
  public var executor: String
  /// Of memory for one slot.
  public var memory: SizeClass
  /// Of disk for one slot.
  public var disk: SizeClass
  /// The Rust that the target asks for: a version requirement.
  public var rust: String
  /// The oldest Rust that the version itself compiles with, such as `1.97`; nil: not told, or no more
  /// than the target asks for.
  public var minimumRust: String?
  /// Which versions of the module will do: a version requirement.
  public var module: String
  /// Labels that the builder must carry.
  public var labels: [String: String]

  public init(
    target: String, executor: String, memory: SizeClass, disk: SizeClass, rust: String = "*",
    minimumRust: String? = nil, module: String = "*", labels: [String: String] = [:]
  ) {
    self.target = target
    self.executor = executor
    self.memory = memory
    self.disk = disk
    self.rust = rust
    self.minimumRust = minimumRust
    self.module = module
    self.labels = labels
  }

  /// What a plan asks for.
  ///
  /// - Parameter rustVersion: the version's `rust-version`, as the registry tells it.
  public init(
    _ plan: Plan, rustVersion: String? = nil, module: String = "*", labels: [String: String] = [:]
  ) {
    self.init(
      target: plan.inputs.target, executor: plan.inputs.executor,
      memory: SizeClass(holding: plan.limits), disk: SizeClass(holdingBytes: plan.limits.disk),
      rust: plan.inputs.rust,
      minimumRust: Self.minimum(rustVersion, beyond: plan.inputs.rust), module: module,
      labels: labels)
  }

  /// With twice the memory, for a second try.
  public var doubled: JobRequirement {
    var doubled = self
    doubled.memory = SizeClass(rawValue: min(memory.rawValue + 1, SizeClass.largestMemory))
    return doubled
  }

  /// A `rust-version` is kept only where the target's own requirement accepts an older Rust, so that few
  /// requirements are distinct.
  private static func minimum(_ rustVersion: String?, beyond rust: String) -> String? {
    let parts = (rustVersion ?? "").split(separator: ".").prefix(2).compactMap { UInt64($0) }
    guard parts.count == 2 else { return nil }
    let (major, minor) = (parts[0], parts[1])
    guard minor > 0, let older = Semver("\(major).\(minor - 1).0"),
      VersionRequirement(rust)?.accepts(older) == true
    else { return nil }
    return "\(major).\(minor)"
  }
}
