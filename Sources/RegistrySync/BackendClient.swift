import FarmModel
import Foundation
import Transfer

/// What a registry sync says to the backend.
struct BackendClient: Sendable {
  private let base: String
  private let token: String?
  private let client: TransferClient
  private let retries: TransferRetryPolicy

  init(
    backendURL: String, token: String?, client: TransferClient, retries: TransferRetryPolicy
  ) {
    let origin = backendURL.hasSuffix("/") ? String(backendURL.dropLast()) : backendURL
    base = origin + "/api/v1/registry/"
    self.token = token
    self.client = client
    self.retries = retries
  }

  /// Sends one body, again after what may pass by itself: the same lines twice change nothing.
  /// - Throws: ``SyncError/leaseLost(reason:)`` where another sync is active.
  func post(_ body: [UInt8], lease: SyncLease) async throws(SyncError) -> RegistryReceipt {
    let request = TransferRequest(
      method: "POST", url: base + "versions", headers: ["Content-Type": "application/x-ndjson"],
      body: .bytes(body), timeout: .seconds(300), responseLimit: 1 << 20)
    return try read(
      RegistryReceipt.self, try await sendUnderFence(request, lease), request.url)
  }

  /// Asks once for the lease, or for more of it.
  func lease(_ request: RegistryLeaseRequest) async throws(SyncError) -> LeaseAnswer {
    try await lease(request, at: "lease")
  }

  /// Asks once for more of the lease, under a fence that is newer than the request's; the same request
  /// again, if its answer was lost, gets the same fence.
  func raiseFence(_ request: RegistryLeaseRequest) async throws(SyncError) -> LeaseAnswer {
    try await lease(request, at: "lease/fence")
  }

  private func lease(
    _ request: RegistryLeaseRequest, at path: String
  ) async throws(SyncError) -> LeaseAnswer {
    let url = base + path
    let response = try await send(try leaseRequest("POST", path, request))
    guard response.status == 409 else {
      return .granted(try read(RegistryLeaseGrant.self, response, url))
    }
    do {
      return .taken(
        try JSONDecoder().decode(RegistryLeaseRefusal.self, from: Data(response.body)))
    } catch {
      throw .rejected(url: url, status: 409, detail: detail(of: response))
    }
  }

  /// Gives the lease back; where that fails, it runs out by itself.
  func giveBack(_ request: RegistryLeaseRequest) async {
    _ = try? await send(try leaseRequest("DELETE", "lease", request))
  }

  private func leaseRequest(
    _ method: String, _ path: String, _ request: RegistryLeaseRequest
  ) throws(SyncError) -> TransferRequest {
    let body = (try? CanonicalJSON.encode(request)) ?? Data()
    return TransferRequest(
      method: method, url: base + path, headers: ["Content-Type": "application/json"],
      body: .bytes(Array(body)), timeout: .seconds(10), responseLimit: 64 << 10)
  }

  /// Which `.crate` files the backend wants looked into.
  func looks(limit: Int) async throws(SyncError) -> [RegistryLooks.Version] {
    let url = base + "looks?limit=\(limit)"
    let response = try await sendAgain { () async throws(SyncError) in
      try await send(TransferRequest(url: url, timeout: .seconds(60), responseLimit: 16 << 20))
    }
    return try read(RegistryLooks.self, response, url).versions
  }

  /// Tells which `.crate` files could not be fetched.
  /// - Throws: ``SyncError/leaseLost(reason:)`` where another sync is active, ``SyncError/oldBackend(url:)`` where
  ///   the backend has no use for them.
  func lookFailed(
    _ failures: [RegistryLookFailures.Failure], lease: SyncLease
  ) async throws(SyncError) {
    let url = base + "looks"
    // Texts and booleans: JSON can hold them all.
    let body = (try? CanonicalJSON.encode(RegistryLookFailures(failures: failures))) ?? Data()
    let request = TransferRequest(
      method: "POST", url: url, headers: ["Content-Type": "application/json"],
      body: .bytes(Array(body)), timeout: .seconds(60), responseLimit: 64 << 10)
    let response = try await sendUnderFence(request, lease)
    // It knows the path, from GET.
    if response.status == 405 { throw .oldBackend(url: url) }
    guard response.isSuccess else {
      throw .rejected(url: url, status: response.status, detail: detail(of: response))
    }
  }

  /// Sends what must not be kept late: again after what may pass by itself, and each time under a fence under
  /// which no other copy of it, nor what was sent before, can still be under way.
  ///
  /// - Throws: ``SyncError/leaseLost(reason:)`` where another sync is active.
  private func sendUnderFence(
    _ request: TransferRequest, _ lease: SyncLease
  ) async throws(SyncError) -> TransferResponse {
    var request = request
    // libcurl would send it twice by itself.
    request.usesFreshConnection = true
    var refusals = 0
    while true {
      var fence: Int64 = -1
      let response = try await sendAgain { () async throws(SyncError) in
        fence = try await lease.fence()
        request.headers[registryFenceHeader] = String(fence)
        do throws(SyncError) {
          return try await send(request)
        } catch {
          if error.leavesOpen { lease.doubt(fence) }
          throw error
        }
      }
      guard response.status == 409 else { return response }
      // Another request that got no answer has had the fence raised meanwhile, or is about to. Where it is
      // another sync that has the lease now, the backend says so when it is asked for a newer one.
      if fence == lease.newestFence { refusals += 1 }
      guard refusals < Self.refusalLimit else { throw .leaseLost(reason: detail(of: response)) }
      lease.doubt(fence)
    }
  }

  /// So often a backend is believed that gives a newer fence and then refuses it.
  private static let refusalLimit = 3

  /// Does something again after what may pass by itself.
  private func sendAgain(
    _ send: () async throws(SyncError) -> TransferResponse
  ) async throws(SyncError) -> TransferResponse {
    var attempt = 1
    while true {
      do throws(SyncError) {
        return try await send()
      } catch {
        guard case .backendAway = error, attempt < retries.attempts else { throw error }
        var generator = SystemRandomNumberGenerator()
        let wait = retries.delay(afterAttempt: attempt, using: &generator)
        do { try await Task.sleep(for: wait) } catch { throw .cancelled }
        attempt += 1
      }
    }
  }

  private func send(_ request: TransferRequest) async throws(SyncError) -> TransferResponse {
    var request = request
    if let token { request.headers["Authorization"] = "Bearer \(token)" }
    let response: TransferResponse
    do throws(TransferError) {
      response = try await client.perform(request)
    } catch {
      throw error.kind == .cancelled
        ? .cancelled : .backendAway(url: request.url, reason: "\(error)")
    }
    switch response.status {
    case 401, 403: throw .unauthorized(url: request.url, status: response.status)
    case 404: throw .oldBackend(url: request.url)
    case let status where retries.isTransient(status: status):
      throw .backendAway(url: request.url, reason: "status \(status), \(detail(of: response))")
    default: return response
    }
  }

  private func read<Answer: Decodable>(
    _ type: Answer.Type, _ response: TransferResponse, _ url: String
  ) throws(SyncError) -> Answer {
    guard response.isSuccess else {
      throw .rejected(url: url, status: response.status, detail: detail(of: response))
    }
    do {
      return try JSONDecoder().decode(type, from: Data(response.body))
    } catch {
      throw .rejected(
        url: url, status: response.status,
        detail: "the answer is no \(type); is backend-url a backend of builds.rs?")
    }
  }

  /// What a problem document (RFC 9457) says, else the begin of the text.
  private func detail(of response: TransferResponse) -> String {
    struct Problem: Decodable {
      var title: String?
      var detail: String?
    }
    let problem = try? JSONDecoder().decode(Problem.self, from: Data(response.body))
    let text = problem?.detail ?? problem?.title
    return text ?? String(decoding: response.body.prefix(200), as: UTF8.self)
  }
}
