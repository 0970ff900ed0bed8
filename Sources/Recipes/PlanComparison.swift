public import ExecutorKit

extension Plan {
  /// What differs between two plans of one version and target, a phrase for each key that changed,
  /// such as `features: none → pcre2`; empty: nothing.
  public func differences(from old: Plan) -> [String] {
    let (before, after) = (old.inputs, inputs)
    let values: [(key: String, old: String, new: String)] = [
      ("schema", "\(before.schema)", "\(after.schema)"),
      ("checksum", before.checksum, after.checksum),
      ("executor", before.executor, after.executor),
      ("linker", before.linker, after.linker),
      ("rust", before.rust, after.rust),
      ("glibc", before.glibc ?? "", after.glibc ?? ""),
      ("features", Self.list(before.features), Self.list(after.features)),
      ("default-features", "\(before.usesDefaultFeatures)", "\(after.usesDefaultFeatures)"),
      ("binaries", Self.list(before.binaries), Self.list(after.binaries)),
      ("packages", Self.lists(before.packages), Self.lists(after.packages)),
      ("environment", Self.pairs(before.environment), Self.pairs(after.environment)),
      ("lockfile", before.lockfile ?? "", after.lockfile ?? ""),
      ("published", "\(before.sourceDateEpoch)", "\(after.sourceDateEpoch)"),
      ("runner", Self.list(old.checks.runner), Self.list(checks.runner)),
      ("needed", Self.list(old.checks.needed), Self.list(checks.needed)),
    ]
    var found = values.filter { $0.old != $0.new }.map {
      "\($0.key): \($0.old.isEmpty ? "none" : $0.old) → \($0.new.isEmpty ? "none" : $0.new)"
    }
    if before.configuration != after.configuration { found.append("what the executor reads") }
    if old.checks.smoke != checks.smoke { found.append("smoke") }
    if old.limits != limits { found.append("limits") }
    return found
  }

  private static func list(_ names: [String]) -> String { names.joined(separator: " ") }

  private static func lists(_ names: [String: [String]]) -> String {
    names.sorted { $0.key < $1.key }.map { "\($0.key) \(list($0.value))" }.joined(separator: ", ")
  }

  private static func pairs(_ values: [String: String]) -> String {
    values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
  }
}
