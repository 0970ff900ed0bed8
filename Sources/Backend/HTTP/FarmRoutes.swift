import Database
import ExecutorKit
import FarmModel
import Foundation
import HTTPTypes
import Hummingbird
import Recipes

/// What the farm has: targets, recipes, builders, queue, numbers.
struct FarmRoutes: Sendable {
  let state: APIState

  func add(to router: Router<BackendContext>) {
    router.get("api/v1/targets") { request, _ in try targets(request) }
    router.get("api/v1/recipes/:crate") { request, context in try recipe(request, context) }
    router.get("api/v1/builders") { request, _ in try await builders(request) }
    router.get("api/v1/queue") { request, _ in try await queue(request) }
    router.get("api/v1/stats") { request, _ in try await stats(request) }
  }

  private func targets(_ request: Request) throws -> Response {
    struct Target: Encodable {
      var triple: String
      var executor: String
      var tier: Int
      var rust: String
      var glibc: String?
    }
    struct Answer: Encodable { var targets: [Target] }
    let targets = state.recipes.set.targets.map {
      Target(
        triple: $0.triple.text, executor: $0.executor, tier: $0.tier, rust: $0.rust,
        glibc: $0.glibc)
    }
    return try .cached(Answer(targets: targets), request)
  }

  private func recipe(_ request: Request, _ context: BackendContext) throws -> Response {
    struct Answer: Encodable {
      var crate: String
      /// The text of the file; nil: the default recipe holds.
      var recipe: String?
      /// The digest of the set.
      var revision: String
      /// The revision's number, which only grows.
      var revisionNumber: Int64
    }
    let name = try context.part("crate")
    guard let crate = CrateName(name) else {
      throw Problem.notFound("“\(name.prefix(64))” is no crate name")
    }
    let book = state.recipes
    let recipe = book.set.recipe(for: crate)
    let path = recipe.map { "recipes/\($0.crate.text).yaml" }
    let file = book.set.files.first { $0.path == path }
    let answer = Answer(
      crate: recipe?.crate.text ?? crate.text,
      recipe: file.map { String(decoding: $0.bytes, as: UTF8.self) },
      revision: book.set.digest, revisionNumber: book.revision)
    return try .cached(answer, request)
  }

  private func builders(_ request: Request) async throws -> Response {
    struct Builder: Encodable {
      var id: Int64
      var name: String
      var state: String
      var draining: Bool
      var version: String?
      var lastSeenAt: Date?
      var leases: Int
      var capabilities: BuilderCapabilities?
    }
    struct Answer: Encodable { var builders: [Builder] }
    let builders = try await state.database.builders().map { builder in
      Builder(
        id: builder.id, name: builder.name, state: builder.state.rawValue,
        draining: builder.isDraining, version: builder.version, lastSeenAt: builder.lastSeenAt,
        leases: builder.leases, capabilities: BuilderCapabilities(json: builder.capabilities))
    }
    return try .json(Answer(builders: builders), caching: .never)
  }

  private func queue(_ request: Request) async throws -> Response {
    struct Entry: Encodable {
      var job: Int64
      var crate: String
      var version: String
      var target: String
      var state: String
      var jobClass: String
      var queuePosition: Int?
      var startsInSeconds: Double?
      var why: String?
    }
    struct Count: Encodable {
      var target: String
      var state: String
      var count: Int
    }
    struct Answer: Encodable {
      var jobs: [Entry]
      var counts: [Count]
    }
    var jobs: [StoredJob] = []
    for id in try await state.database.queuedJobs(limit: request.limit()) {
      if let job = try await state.database.job(id) { jobs.append(job) }
    }
    let outlook = try await state.outlook(of: jobs)
    let entries = jobs.map { job in
      Entry(
        job: job.id, crate: job.crate, version: job.version, target: job.target,
        state: job.state.rawValue, jobClass: job.jobClass.name, queuePosition: job.position,
        startsInSeconds: outlook[job.id]?.startsInSeconds, why: outlook[job.id]?.why)
    }
    let counts = try await state.queueCounts.value().map {
      Count(target: $0.target, state: $0.state.rawValue, count: $0.count)
    }
    return try .json(Answer(jobs: entries, counts: counts), caching: .never)
  }

  private func stats(_ request: Request) async throws -> Response {
    struct Key: Encodable {
      var id: String
      /// The base64 line of minisign's public key file.
      var publicKey: String
    }
    struct Answer: Encodable {
      var crates: Int
      var versions: Int
      var builds: Int
      var artifactBytes: Int
      var jobs: [String: Int]
      var signingKeys: [Key]
      var recipesRevision: String
    }
    let totals = try await state.totals.value()
    let keys = try await state.database.signingKeys()
    let jobs = Dictionary(
      try await state.queueCounts.value().map { ($0.state.rawValue, $0.count) },
      uniquingKeysWith: +)
    let answer = Answer(
      crates: totals.crates, versions: totals.versions, builds: totals.builds,
      artifactBytes: totals.artifactBytes, jobs: jobs,
      signingKeys: keys.map { Key(id: $0.id, publicKey: $0.publicKey) },
      recipesRevision: state.recipes.set.digest)
    return try .cached(answer, request)
  }
}
