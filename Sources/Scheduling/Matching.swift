public import BuilderProtocol
import ExecutorKit
import FarmModel

extension Capabilities {
  /// Bytes of memory for one slot.
  private var slotMemory: Int64 { memoryBytes / Int64(max(1, slots)) }
  /// Bytes of disk for one slot.
  private var slotDisk: Int64 { diskBytes / Int64(max(1, slots)) }

  /// Why a builder cannot do a job, as the end of a sentence that begins with "needs"; nil: it can.
  public func obstacle(to requirement: JobRequirement) -> String? {
    guard
      let target = targets.first(where: {
        $0.triple == requirement.target && $0.module == requirement.executor
      }), case .ready(let toolchains) = target.health
    else { return "a builder that is ready for \(requirement.target) by \(requirement.executor)" }
    if let obstacle = Self.obstacle(toolchains, requirement) { return obstacle }
    if SizeClass(fittingInto: slotMemory).map({ $0 < requirement.memory }) ?? true {
      return "\(1 << requirement.memory.rawValue) GiB of memory for a slot"
    }
    if SizeClass(fittingInto: slotDisk).map({ $0 < requirement.disk }) ?? true {
      return "\(1 << requirement.disk.rawValue) GiB of disk for a slot"
    }
    let module = modules.first { $0.name == requirement.executor }
    if requirement.module != "*", !Self.fulfils(module?.version, requirement.module) {
      return "\(requirement.executor) \(requirement.module)"
    }
    let missing = requirement.labels.filter { labels[$0.key] != $0.value }
    guard let label = missing.min(by: { $0.key < $1.key }) else { return nil }
    return "a builder with the label \(label.key)=\(label.value)"
  }

  /// Toolchains that are known only after the environment is made are taken at their word.
  private static func obstacle(_ toolchains: [String], _ requirement: JobRequirement) -> String? {
    guard !toolchains.isEmpty else { return nil }
    if !toolchains.contains(where: { fulfils($0, requirement.rust) }) {
      return "Rust \(requirement.rust)"
    }
    guard let minimum = requirement.minimumRust else { return nil }
    let fits = toolchains.contains {
      fulfils($0, requirement.rust) && fulfils($0, ">=\(minimum)")
    }
    return fits ? nil : "Rust \(minimum)"
  }

  private static func fulfils(_ version: String?, _ requirement: String) -> Bool {
    guard let version = version.flatMap({ Semver($0) }) else { return false }
    return VersionRequirement(requirement)?.accepts(version) ?? false
  }
}

/// Which of a farm's builders a job waits for.
public enum Matching {
  /// What no builder of the farm has, for a person: `needs Rust 1.97`; nil: one of them can do the job.
  public static func reason(
    _ requirement: JobRequirement, builders: [Capabilities]
  ) -> String? {
    let obstacles = builders.map { $0.obstacle(to: requirement) }
    guard !obstacles.contains(nil) else { return nil }
    // The builder that comes closest tells what is missing: most have another target altogether.
    let ready = obstacles.compactMap(\.self).first { !$0.hasPrefix("a builder that is ready") }
    let missing =
      ready ?? "a builder that is ready for \(requirement.target) by \(requirement.executor)"
    return "needs \(missing)"
  }
}
