import Blocking
import Cryptography
import Database
import FarmModel
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// What the registry sync asks and reports.
struct RegistryRoutes: Sendable {
  let state: APIState

  private static let fence = HTTPField.Name(registryFenceHeader)

  func add(to router: Router<BackendContext>) {
    router.post("api/v1/registry/versions") { request, _ in try await versions(request) }
    router.post("api/v1/registry/lease") { request, _ in try await lease(request) }
    router.post("api/v1/registry/lease/fence") { request, _ in try await raiseFence(request) }
    router.delete("api/v1/registry/lease") { request, _ in try await release(request) }
    router.get("api/v1/registry/looks") { request, _ in try await looks(request) }
    router.post("api/v1/registry/looks") { request, _ in try await lookFailures(request) }
  }

  // MARK: Versions

  private func versions(_ request: Request) async throws -> Response {
    try authorize(request)
    let fence = try fence(request)
    var body = RegistryBody(maximumBytes: state.configuration.maximumRegistryBytes)
    for try await buffer in request.body { try body.append(buffer.readableBytesView) }
    let outcome = try await keep(body, fence: fence)
    // What is left from the last time, too, which may have ended between the two steps.
    let jobs = try await state.planner.planNoted()
    return try .json(
      RegistryReceipt(
        added: outcome.added, changed: outcome.changed, unchanged: outcome.unchanged, jobs: jobs),
      caching: .never)
  }

  private func keep(_ body: RegistryBody, fence: Int64?) async throws -> IngestOutcome {
    let batch = try await offCooperativePool { try body.batch() }
    do {
      return try await state.database.ingest(batch, fence: fence)
    } catch let error as RegistryError {
      if case .staleFence = error { throw Problem(.conflict, .staleLease, "\(error)") }
      throw Problem.invalid("\(error)", line: error.line)
    }
  }

  private func fence(_ request: Request) throws -> Int64? {
    guard let text = Self.fence.flatMap({ request.headers[$0] }) else { return nil }
    guard let fence = Int64(text), fence >= 0 else {
      throw Problem.invalid("“\(registryFenceHeader)” must be the number that the lease was given")
    }
    return fence
  }

  // MARK: The lease

  private func lease(_ request: Request) async throws -> Response {
    try authorize(request)
    return try answer(try await state.database.leaseRegistry(try await leaseRequest(request)))
  }

  /// A newer fence for who has the lease.
  private func raiseFence(_ request: Request) async throws -> Response {
    try authorize(request)
    let wanted = try await leaseRequest(request)
    guard let fence = wanted.fence, fence < .max else {
      throw Problem.invalid("“fence” must be the number that the lease was given")
    }
    return try answer(try await state.database.raiseRegistryFence(wanted))
  }

  private func answer(_ answer: RegistryLeaseAnswer) throws -> Response {
    switch answer {
    case .granted(let grant): return try .json(grant, caching: .never)
    case .held(let refusal):
      let seconds = max(1, Int(refusal.seconds.rounded(.up)))
      var problem = Problem(
        .conflict, .leaseHeld,
        "the registry sync “\(refusal.holder)” is active: its lease lasts \(seconds) s more",
        headers: [.retryAfter: "\(seconds)"])
      problem.holder = refusal.holder
      problem.seconds = refusal.seconds
      throw problem
    }
  }

  private func release(_ request: Request) async throws -> Response {
    try authorize(request)
    try await state.database.releaseRegistry(try await leaseRequest(request))
    return Response(status: .noContent, headers: [.cacheControl: Caching.never.rawValue])
  }

  private func leaseRequest(_ request: Request) async throws -> RegistryLeaseRequest {
    let bytes = try await bytes(of: request, most: 4096)
    guard
      let wanted = try? JSONDecoder().decode(RegistryLeaseRequest.self, from: Data(bytes)),
      (1...255).contains(wanted.holder.utf8.count)
    else {
      throw Problem.invalid(
        "the body must be a JSON object with “holder”, a text of 1 to 255 bytes, and “fence”, "
          + "a number or null")
    }
    return wanted
  }

  // MARK: What to look into

  private func looks(_ request: Request) async throws -> Response {
    try authorize(request)
    let limit = try request.limit(default: 100, most: 1000)
    let versions = try await state.database.looks(limit: limit, depth: state.recipes.lookDepth)
    return try .json(RegistryLooks(versions: versions), caching: .never)
  }

  /// What could not be looked into.
  private func lookFailures(_ request: Request) async throws -> Response {
    try authorize(request)
    let fence = try fence(request)
    let bytes = try await bytes(of: request, most: 4 << 20)
    guard let told = try? JSONDecoder().decode(RegistryLookFailures.self, from: Data(bytes)),
      told.failures.count <= RegistryLookFailures.most
    else {
      throw Problem.invalid(
        "the body must be a JSON object with “failures”, a list of at most "
          + "\(RegistryLookFailures.most) objects with “version” (as in the answer to GET), “reason”, a "
          + "text, and “refused”, true or false")
    }
    do {
      try await state.database.lookFailed(told.failures, fence: fence)
    } catch let error as RegistryError {
      throw Problem(.conflict, .staleLease, "\(error)")
    }
    return Response(status: .noContent, headers: [.cacheControl: Caching.never.rawValue])
  }

  private func bytes(of request: Request, most: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    for try await buffer in request.body {
      bytes.append(contentsOf: buffer.readableBytesView)
      guard bytes.count <= most else {
        throw Problem(.contentTooLarge, .tooLarge, "the body has more than \(most) bytes")
      }
    }
    return bytes
  }

  private func authorize(_ request: Request) throws {
    let token = request.bearerToken ?? ""
    guard let expected = state.configuration.registryToken,
      // Digests are of one length: nothing tells how long the token is.
      constantTimeEqual(SHA256.digest(of: token.utf8), SHA256.digest(of: expected.utf8))
    else {
      throw Problem(
        .unauthorized, .unauthorized, "the registry sync's bearer token is needed",
        headers: [.wwwAuthenticate: "Bearer"])
    }
  }
}
