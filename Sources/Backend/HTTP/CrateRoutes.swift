import Database
import FarmModel
import Foundation
import Hummingbird
import Recipes

/// Search, crates, versions and targets: what has been built.
struct CrateRoutes: Sendable {
  let state: APIState

  private var lookup: CrateLookup { CrateLookup(database: state.database) }

  func add(to router: Router<BackendContext>) {
    router.get("api/v1/crates") { request, _ in try await search(request) }
    router.get("api/v1/crates/:crate") { request, context in try await crate(request, context) }
    router.get("api/v1/crates/:crate/:version") { request, context in
      try await version(request, context)
    }
    router.get("api/v1/crates/:crate/:version/:target") { request, context in
      try await target(request, context)
    }
  }

  private func search(_ request: Request) async throws -> Response {
    let limit = try request.limit()
    let found = try await state.database.searchCrates(
      text: request.query("query") ?? "", target: request.query("target"),
      after: request.query("cursor") ?? "", limit: limit + 1)
    let page = found.prefix(limit).map { crate in
      SearchPage.Entry(
        name: crate.name, description: crate.description,
        newestVersion: CrateLookup.latest(of: crate.versions)?.description,
        targets: crate.targets)
    }
    let answer = SearchPage(
      crates: page, nextCursor: found.count > limit ? page.last?.name : nil)
    return try .cached(answer, request)
  }

  private func crate(_ request: Request, _ context: BackendContext) async throws -> Response {
    let crate = try await lookup.crate(context)
    let versions = try await state.database.versions(ofCrate: crate.id)
    let status = Dictionary(
      grouping: try await state.database.targetStatus(ofCrate: crate.id), by: \.versionID)
    let sorted = versions.compactMap { version in Semver(version.version).map { ($0, version) } }
      .sorted { $0.0 > $1.0 }
    let answer = CratePage(
      name: crate.name, description: crate.description, repository: crate.repository,
      license: crate.license, newestVersion: CrateLookup.latest(versions)?.description,
      versions: sorted.map { _, version in
        CratePage.Version(
          version: version.version, yanked: version.yanked, deleted: version.isDeleted,
          publishedAt: version.publishedAt, hasBinaries: version.hasBinaries,
          targets: Dictionary(
            (status[version.id] ?? []).map { ($0.target, $0.state.rawValue) }
          ) { first, _ in first })
      })
    return try .cached(answer, request)
  }

  private func version(_ request: Request, _ context: BackendContext) async throws -> Response {
    let crate = try await lookup.crate(context)
    let version = try await lookup.version(of: crate, context.part("version"))
    let status = try await lookup.status(of: crate, version)
    var waiting: [StoredJob] = []
    for entry in status where entry.state == .pending {
      if let job = try await state.database.job(entry.jobID) { waiting.append(job) }
    }
    let outlooks = try await state.outlook(of: waiting)
    var targets: [VersionPage.Target] = []
    for entry in status {
      let build = try await build(entry.buildID)
      let job = waiting.first { $0.id == entry.jobID }
      let outlook = outlooks[entry.jobID]
      targets.append(
        VersionPage.Target(
          target: entry.target, state: entry.state.rawValue,
          isCheck: entry.isOnlyCheck ? true : nil,
          reason: reason(entry, crate, version), job: entry.jobID,
          queuePosition: job?.position, why: outlook?.why,
          startsInSeconds: outlook?.startsInSeconds,
          failure: Failure(entry.failureClass, entry.failureMessage),
          artifacts: artifacts(build)))
    }
    let known = Set(status.map(\.target))
    let expectation = try await expectation(version)
    for target in state.recipes.set.targets where !known.contains(target.triple.text) {
      targets.append(notBuilt(crate, version, target.triple, expectation))
    }
    let answer = VersionPage(
      crate: crate.name, version: version.version, checksum: version.checksum,
      yanked: version.yanked, deleted: version.isDeleted, publishedAt: version.publishedAt,
      contents: try version.decodedContents, targets: targets.sorted { $0.target < $1.target })
    return try .cached(answer, request)
  }

  private func target(_ request: Request, _ context: BackendContext) async throws -> Response {
    let crate = try await lookup.crate(context)
    let version = try await lookup.version(of: crate, context.part("version"))
    let target = try lookup.target(context)
    let entry = try await lookup.status(of: crate, version).first { $0.target == target.text }
    guard let entry else {
      guard state.recipes.set.target(target) != nil else {
        throw Problem.notFound("the farm does not build for \(target)")
      }
      let missing = notBuilt(crate, version, target, try await expectation(version))
      return try .cached(
        TargetPage(
          crate: crate.name, version: version.version, target: target.text, state: missing.state,
          reason: missing.reason, artifacts: []), request)
    }
    let build = try await build(entry.buildID)
    let answer = TargetPage(
      crate: crate.name, version: version.version, target: target.text,
      state: entry.state.rawValue, isCheck: entry.isOnlyCheck ? true : nil,
      reason: reason(entry, crate, version), job: entry.jobID,
      failure: Failure(entry.failureClass, entry.failureMessage), build: try build.map(Build.init),
      artifacts: artifacts(build))
    return try .cached(answer, request)
  }

  private func build(_ id: Int64?) async throws -> StoredBuild? {
    guard let id else { return nil }
    return try await state.database.build(id)
  }

  private func artifacts(_ build: StoredBuild?) -> [Artifact] {
    (build?.artifacts ?? []).map { Artifact($0, url: state.url($0.path)) }
  }

  /// Why a job was taken back, where the recipes or the author say so.
  private func reason(_ entry: TargetStatus, _ crate: StoredCrate, _ version: StoredVersion)
    -> String?
  {
    guard entry.state == .cancelled, let target = TargetTriple(entry.target) else { return nil }
    let absence = state.recipes.absence(crate: crate, version: version, target: target)
    return absence.isSkipped ? absence.reason : nil
  }

  /// What is to be told of a version that nobody has looked into.
  private struct Expectation {
    /// Targets that somebody asked for.
    var wishes: Set<String> = []
    /// Why nobody has looked, where it was tried.
    var trouble: LookTrouble?
  }

  private func expectation(_ version: StoredVersion) async throws -> Expectation {
    guard version.hasBinaries == nil else { return Expectation() }
    return Expectation(
      wishes: Set(try await state.database.wishes(ofVersion: version.id)),
      trouble: try await state.database.lookTrouble(ofVersion: version.id))
  }

  /// Why there is no job: an answer, not a state of the database.
  private func notBuilt(
    _ crate: StoredCrate, _ version: StoredVersion, _ target: TargetTriple,
    _ expectation: Expectation
  ) -> VersionPage.Target {
    if expectation.wishes.contains(target.text) {
      return VersionPage.Target(
        target: target.text, state: TargetPage.queued,
        reason: expectation.trouble?.text ?? TargetPage.lookedIntoFirst, artifacts: [])
    }
    let answer = state.recipes.absence(crate: crate, version: version, target: target)
    return VersionPage.Target(
      target: target.text, state: answer.isSkipped ? "skipped" : "not-requested",
      reason: answer.isSkipped ? answer.reason : expectation.trouble?.text ?? answer.reason,
      artifacts: [])
  }
}

extension LookTrouble {
  /// For people who ask why there is no job.
  fileprivate var text: String {
    let times = failures == 1 ? "once" : "\(failures) times"
    guard let retryInSeconds else {
      return "its .crate could not be fetched \(times), which was given up: \(reason); "
        + "POST here to have it tried again"
    }
    let minutes = Int((retryInSeconds / 60).rounded(.up))
    return "its .crate could not be fetched \(times): \(reason); "
      + "it is tried again in \(max(1, minutes)) min"
  }
}

extension StoredVersion {
  /// What was found in the `.crate`; nil: nobody has looked.
  var decodedContents: CrateContents? {
    get throws {
      try contents.map { try JSONDecoder().decode(CrateContents.self, from: Data($0.utf8)) }
    }
  }
}
