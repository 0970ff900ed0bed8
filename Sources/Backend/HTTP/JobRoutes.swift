import Database
import ExecutorKit
import FarmModel
import Foundation
import HTTPTypes
import Hummingbird
import Recipes

/// Jobs: what they are doing, their logs, and asking for one.
struct JobRoutes: Sendable {
  let state: APIState
  let limiter: RateLimiter

  private var lookup: CrateLookup { CrateLookup(database: state.database) }

  func add(to router: Router<BackendContext>) {
    router.get("api/v1/jobs/:job") { _, context in
      try await page(try context.number("job"), status: .ok)
    }
    router.get("api/v1/jobs/:job/log") { request, context in try await log(request, context) }
    router.post("api/v1/crates/:crate/:version/:target") { _, context in
      try await ask(context)
    }
  }

  private func page(_ id: Int64, status: HTTPResponse.Status) async throws -> Response {
    guard let job = try await state.database.job(id) else {
      throw Problem.notFound("there is no job \(id)")
    }
    let attempts = try await state.database.attempts(ofJob: id)
    var build: StoredBuild?
    if let number = job.buildID { build = try await state.database.build(number) }
    let outlook = try await state.outlook(of: [job])[job.id]
    let page = try JobPage(
      job, outlook: outlook, attempts: attempts, build: build,
      logURL: state.url("/api/v1/jobs/\(id)/log"))
    return try .json(
      page, status: status, caching: .never, headers: [.location: "/api/v1/jobs/\(id)"])
  }

  // MARK: Asking for a build

  private func ask(_ context: BackendContext) async throws -> Response {
    if let seconds = limiter.take(context.remoteAddress ?? "") {
      throw Problem(
        .tooManyRequests, .tooManyRequests, "ask again in \(seconds) s",
        headers: [.retryAfter: "\(seconds)"])
    }
    let crate = try await lookup.crate(context)
    let version = try await lookup.version(of: crate, context.part("version"))
    let target = try lookup.target(context)
    state.uses.count(crate: crate.id)
    return try await answer(crate, version, target)
  }

  private func answer(_ crate: StoredCrate, _ version: StoredVersion, _ target: TargetTriple)
    async throws -> Response
  {
    let job = try await state.activeRecipes.withBook { book -> (Int64, HTTPResponse.Status)? in
      switch book.decision(crate: crate, version: version, target: target) {
      case .skip(let reason):
        throw Problem(
          .conflict, .noPlan,
          "\(crate.name) \(version.version) is not built for \(target): \(reason)")
      case .plan(let plan): return try await self.job(plan, book, crate, version)
      }
    }
    if let (job, status) = job { return try await page(job, status: status) }
    if try await state.database.wish(version: version.id, target: target.text) {
      return try queued(crate, version, target)
    }
    // It has just been looked into, or yanked.
    let known = try await lookup.version(of: crate, version.version)
    guard known.hasBinaries == nil, !known.yanked, !known.isDeleted else {
      return try await answer(crate, known, target)
    }
    throw Problem.notFound("the job was not made; ask again")
  }

  /// The job that there is, with what waits raised to the class `request`, or a new one; nil: the
  /// version must be looked into first.
  private func job(
    _ plan: Plan, _ book: RecipeBook, _ crate: StoredCrate, _ version: StoredVersion
  ) async throws -> (Int64, HTTPResponse.Status)? {
    let target = plan.inputs.target
    let wanted = WantedJob(
      versionID: version.id, target: target, jobClass: .request,
      group: crate.group, plan: plan, planDigest: plan.digest,
      requirement: book.requirement(plan, rustVersion: version.rustVersion))
    // What nobody had asked for may have been dropped by an edit of the recipes.
    try await state.database.takeBack(wanted, revision: book.revision)
    if let job = try await state.database.request(version: version.id, target: target) {
      return (job.id, job.state.isFinal ? .ok : .accepted)
    }
    if version.hasBinaries == nil { return nil }
    _ = try await state.database.want([wanted], revision: book.revision)
    let made = try await lookup.status(of: crate, version).first { $0.target == target }
    guard let made else { throw Problem.notFound("the job was not made; ask again") }
    return (made.jobID, .accepted)
  }

  /// The job is made when the registry sync has found a binary.
  private func queued(_ crate: StoredCrate, _ version: StoredVersion, _ target: TargetTriple) throws
    -> Response
  {
    let page = TargetPage(
      crate: crate.name, version: version.version, target: target.text, state: TargetPage.queued,
      reason: TargetPage.lookedIntoFirst, artifacts: [])
    let number = version.version.replacing("+", with: "%2B")
    return try .json(
      page, status: .accepted, caching: .never,
      headers: [.location: "/api/v1/crates/\(crate.name)/\(number)/\(target)"])
  }

  // MARK: Logs

  private func log(_ request: Request, _ context: BackendContext) async throws -> Response {
    let job = try context.number("job")
    let attempts = try await state.database.attempts(ofJob: job)
    let wanted = try request.query("attempt").map { text in
      guard let number = Int32(text) else { throw Problem.invalid("“attempt” must be a number") }
      return number
    }
    let attempt = attempts.last { wanted == nil || $0.attempt == wanted }
    guard let attempt else {
      throw Problem.notFound("job \(job) has no such attempt, or none yet")
    }
    let reader = LogReader(
      database: state.database, storage: state.storage, job: job, attempt: attempt.attempt)
    if request.uri.queryParameters.has("follow") {
      return Response(
        status: .ok,
        headers: [.contentType: "text/event-stream", .cacheControl: Caching.never.rawValue],
        body: ResponseBody { writer in try await reader.follow(&writer) })
    }
    return Response(
      status: .ok,
      headers: [
        .contentType: "text/plain; charset=utf-8", .cacheControl: Caching.never.rawValue,
        .xContentTypeOptions: "nosniff",
      ],
      body: ResponseBody { writer in try await reader.write(&writer) })
  }
}
