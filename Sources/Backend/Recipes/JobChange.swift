public import Database
public import ExecutorKit
import FarmModel
import Recipes

/// What becomes of one job when a set of recipes comes into force, and why.
public struct JobChange: Sendable, Equatable {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// It is made, or taken back after it was dropped.
    case add
    /// What is published is built once more; until then it stays published.
    case rebuild
    /// It had failed, and is tried with its new plan.
    case retry
    /// It waits, and gets another plan.
    case replan
    /// It waits, and is not wanted any more.
    case drop
    /// What is published is started once more as the recipes want by now; nothing is built.
    case check

    /// Whether something is built that would not be built without the edit.
    public var builds: Bool { self == .add || self == .rebuild || self == .retry }
  }

  public var kind: Kind
  public var version: PlannableVersion
  public var target: String
  /// nil: there is no job yet.
  public var job: Int64?
  /// For people, without a full stop.
  public var reason: String
  /// It is being built with its old plan: the change comes when that has ended.
  public var isRunning: Bool
  /// How long a build takes, in seconds; nil: nothing is built, or nobody can tell.
  public var seconds: Double?
  /// Its new plan; nil: it is dropped.
  public var plan: Plan?
}

/// What recipes say of one version for one target.
struct TargetWish {
  var decision: PlanDecision
  /// Whether there is to be a job without anybody asking.
  var isAsked: Bool
  var tier: Int
}

/// A job that is there, with what is needed to compare it.
struct ComparedJob {
  var job: PlannedJob
  /// Its plan; nil: it could not be read, or was not needed.
  var plan: Plan?
  /// Whether its builder must have what the new plan asks for.
  var fitsRequirement: Bool
}

/// What an edit does to one job; pure.
enum JobComparison {
  struct Outcome: Equatable {
    var kind: JobChange.Kind
    var reason: String
    var isRunning = false
  }

  /// Nil: nothing.
  static func outcome(_ existing: ComparedJob?, _ wish: TargetWish, planDigest: String?) -> Outcome?
  {
    guard let existing else {
      guard wish.isAsked, wish.decision.plan != nil else { return nil }
      return Outcome(kind: .add, reason: tierReason(wish))
    }
    switch wish.decision {
    case .skip(let reason): return dropped(existing.job, reason)
    case .plan(let plan):
      return planned(existing, plan, differs: existing.job.planDigest != planDigest, wish)
    }
  }

  /// Whether the job's plan must be read for ``outcome(_:_:planDigest:)``. The plans of what is published
  /// as the recipes want are not: there are millions of them.
  static func needsPlan(_ job: PlannedJob, wanted: WantedJob?) -> Bool {
    switch job.state {
    case .pending, .failed, .leased: true
    case .succeeded:
      wanted.map {
        job.planDigest != $0.planDigest || job.checksDigest != $0.checksDigest
      } ?? false
    case .cancelled: false
    }
  }

  private static func dropped(_ job: PlannedJob, _ reason: String) -> Outcome? {
    switch job.state {
    case .pending: Outcome(kind: .drop, reason: reason)
    case .leased: Outcome(kind: .drop, reason: reason, isRunning: true)
    // What is published stays, and what has failed is over.
    case .succeeded, .failed, .cancelled: nil
    }
  }

  private static func planned(
    _ existing: ComparedJob, _ plan: Plan, differs: Bool, _ wish: TargetWish
  ) -> Outcome? {
    let job = existing.job
    let differences = existing.plan.map { plan.differences(from: $0) } ?? []
    let reason = differences.isEmpty ? "its plan differs" : differences.joined(separator: "; ")
    switch job.state {
    case .pending:
      if let reason = tooMuch(job, wish) { return Outcome(kind: .drop, reason: reason) }
      if differs || existing.plan != plan {
        return Outcome(kind: job.isOnlyCheck && differs ? .rebuild : .replan, reason: reason)
      }
      return existing.fitsRequirement
        ? nil : Outcome(kind: .replan, reason: "another builder is needed")
    case .leased:
      if differs { return Outcome(kind: .rebuild, reason: reason, isRunning: true) }
      return existing.plan == plan
        ? nil : Outcome(kind: .replan, reason: reason, isRunning: true)
    case .succeeded:
      if differs { return Outcome(kind: .rebuild, reason: reason) }
      guard let old = existing.plan, old.checks != plan.checks else { return nil }
      var checks = old
      checks.checks = plan.checks
      return Outcome(
        kind: .check, reason: checks.differences(from: old).joined(separator: "; "))
    case .failed:
      guard isWanted(job, wish) else { return nil }
      if job.isOnlyCheck, !differs {
        let isSame =
          existing.plan.map { $0.checks == plan.checks && $0.limits == plan.limits } ?? false
        return isSame ? nil : Outcome(kind: .check, reason: reason)
      }
      return differs || mends(job.failureClass, from: existing.plan, to: plan)
        ? Outcome(kind: .retry, reason: reason) : nil
    case .cancelled:
      // By an operator or a yank: not for recipes to change.
      return job.isDropped && isWanted(job, wish)
        ? Outcome(kind: job.isOnlyCheck && !differs ? .check : .add, reason: "wanted again") : nil
    }
  }

  /// Why a job that waits is more than the tier asks for; nil: it is not, or somebody asked for it.
  private static func tooMuch(_ job: PlannedJob, _ wish: TargetWish) -> String? {
    isWanted(job, wish) ? nil : tierReason(wish)
  }

  /// Whether the job has a reason to be: the tier's, a person's, or what is published.
  private static func isWanted(_ job: PlannedJob, _ wish: TargetWish) -> Bool {
    wish.isAsked || job.isAsked || job.buildSeconds != nil
  }

  private static func tierReason(_ wish: TargetWish) -> String {
    switch wish.tier {
    case 1: "tier 1: every version"
    case 2: "tier 2: the newest version"
    default: "tier 3: on request"
    }
  }

  /// Whether limits or checks, which change no build, may be what it failed for.
  private static func mends(_ failure: String?, from old: Plan?, to new: Plan) -> Bool {
    guard let old, let failure = failure.flatMap(FailureClass.init(rawValue:)) else { return false }
    switch failure {
    case .timeout, .outOfMemory, .diskFull, .logLimit: return old.limits != new.limits
    case .smoke:
      return old.checks.smoke != new.checks.smoke || old.checks.runner != new.checks.runner
    case .inspection: return old.checks.needed != new.checks.needed
    default: return false
    }
  }
}
