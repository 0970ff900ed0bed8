import Database
import ExecutorKit
import FarmModel
import Foundation
public import Recipes
import Scheduling

/// The active targets and recipes, as this backend needs them.
struct RecipeBook: Sendable {
  let set: RecipeSet
  /// The number of the revision that it is.
  let revision: Int64
  /// By triple, how many jobs of the target may run at once, where it has such a limit.
  let targetLimits: [String: Int]

  init(_ set: RecipeSet, revision: Int64) {
    self.set = set
    self.revision = revision
    targetLimits = set.targetLimits
  }

  /// The jobs that a version should have: of tier 1 every version, of tier 2 the newest one, and what
  /// somebody has asked for.
  func wanted(_ version: PlannableVersion) -> [WantedJob] {
    guard let facts = VersionFacts(version) else { return [] }
    return set.targets.compactMap { target in
      let isWished = version.wishes.contains(target.triple.text)
      guard isWished || target.asks(forNewest: version.isNewest),
        let plan = set.plan(for: facts, target: target.triple).plan
      else { return nil }
      return wanted(version, plan, isWished: isWished)
    }
  }

  /// A job with a plan of this book.
  func wanted(_ version: PlannableVersion, _ plan: Plan, isWished: Bool = false) -> WantedJob {
    WantedJob(
      version, plan: plan, jobClass: isWished ? .request : version.isNewest ? .new : .backfill,
      requirement: requirement(plan, rustVersion: version.rustVersion))
  }

  /// Which versions the targets' tiers need to be looked into.
  var lookDepth: LookDepth {
    let tiers = Set(set.targets.map(\.tier))
    return tiers.contains(1) ? .older : tiers.contains(2) ? .newest : .asked
  }

  /// What a builder must have for a plan.
  func requirement(_ plan: Plan, rustVersion: String?) -> JobRequirement {
    let rule = TargetTriple(plan.inputs.target).flatMap { set.target($0) }?.builders
    return JobRequirement(
      plan, rustVersion: rustVersion, module: rule?.module ?? "*", labels: rule?.labels ?? [:])
  }
}

extension RecipeSet {
  /// By triple, how many jobs of the target may run at once, where it has such a limit.
  public var targetLimits: [String: Int] {
    let limits = targets.compactMap { target in
      target.builders.concurrent.map { (target.triple.text, $0) }
    }
    return Dictionary(limits) { first, _ in first }
  }
}

extension TargetDefinition {
  /// Whether every version has a job for the target (tier 1), or the newest one (tier 2), without
  /// anybody asking.
  func asks(forNewest isNewest: Bool) -> Bool { tier == 1 || (tier == 2 && isNewest) }
}

extension WantedJob {
  init(
    _ version: PlannableVersion, plan: Plan, jobClass: JobClass, requirement: JobRequirement
  ) {
    self.init(
      versionID: version.id, target: plan.inputs.target, jobClass: jobClass, group: version.group,
      plan: plan, planDigest: plan.digest, requirement: requirement)
  }
}

extension VersionFacts {
  /// Nil for what is no valid name or version, which the database does not hold.
  init?(_ version: PlannableVersion) {
    guard let crate = CrateName(version.crate), let number = Semver(version.version) else {
      return nil
    }
    self.init(
      crate: crate, version: number, checksum: version.checksum, publishedAt: version.publishedAt,
      metadata: version.metadata)
  }
}

/// Why a version has no job for a target.
struct JobAbsence: Sendable, Equatable {
  /// Nobody can ask for it either.
  var isSkipped: Bool
  var reason: String
}

extension RecipeBook {
  /// Why there is no job yet, and whether there may be one.
  func absence(crate: StoredCrate, version: StoredVersion, target: TargetTriple) -> JobAbsence {
    switch decision(crate: crate, version: version, target: target) {
    case .skip(let reason): JobAbsence(isSkipped: true, reason: reason)
    case .plan: JobAbsence(isSkipped: false, reason: "nobody has asked for it: POST here to do so")
    }
  }

  /// The plan for somebody who asks, or the reason why there is none.
  func decision(crate: StoredCrate, version: StoredVersion, target: TargetTriple) -> PlanDecision {
    guard let name = CrateName(crate.name), let number = Semver(version.version) else {
      return .skip("the name or version is not valid")
    }
    if version.isDeleted { return .skip("the registry has deleted the version") }
    if version.hasBinaries == false {
      let problem = (try? version.decodedContents)?.problem
      return .skip(problem ?? "the version has no binary")
    }
    return set.plan(
      for: VersionFacts(
        crate: name, version: number, checksum: version.checksum,
        publishedAt: version.publishedAt.map { Int64($0.timeIntervalSince1970) },
        isYanked: version.yanked,
        metadata: (try? version.decodedContents)?.metadata), target: target)
  }
}
