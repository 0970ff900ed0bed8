import ExecutorKit
import FarmModel

/// What became of one build by hand. As JSON: the report's keys, and what was asked beside them.
struct LocalResult: Encodable {
  var plan: Plan
  var outcome: AttemptOutcome
  /// Nil where the build failed.
  var report: BuildReport?
  /// Where the artifacts are.
  var paths: [String] = []
  /// Nil where it was built only once.
  var reproducibility: ReproducibilityFinding?
  /// Where those of a second build that differs are.
  var otherPaths: [String] = []

  init(plan: Plan, outcome: AttemptOutcome) {
    self.plan = plan
    self.outcome = outcome
  }

  /// Why the command does not end with 0; nil: it does.
  var failure: String? {
    if case .failed(let failureClass, let message) = outcome {
      return "\(failureClass.rawValue): \(message)"
    }
    guard let reproducibility, reproducibility.verdict == .differs else { return nil }
    return "the second build differs in " + reproducibility.differing.joined(separator: ", ")
  }

  var wasCancelled: Bool {
    if case .failed(.cancelled, _) = outcome { true } else { false }
  }

  private enum CodingKeys: String, CodingKey {
    case crate, version, target, executor, outcome, paths, reproducibility
  }

  func encode(to encoder: any Encoder) throws {
    try report?.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(plan.inputs.crate, forKey: .crate)
    try container.encode(plan.inputs.version, forKey: .version)
    try container.encode(plan.inputs.target, forKey: .target)
    try container.encode(plan.inputs.executor, forKey: .executor)
    try container.encode(outcome, forKey: .outcome)
    try container.encode(paths, forKey: .paths)
    try container.encodeIfPresent(reproducibility, forKey: .reproducibility)
  }
}
