import FarmModel
import Foundation
import Transfer

/// Sends records to the backend.
struct BackendClient: Sendable {
  let url: String
  private let token: String?
  private let client: TransferClient
  private let retries: TransferRetryPolicy

  init(
    backendURL: String, token: String?, client: TransferClient, retries: TransferRetryPolicy
  ) {
    let base = backendURL.hasSuffix("/") ? String(backendURL.dropLast()) : backendURL
    url = base + "/api/v1/registry/versions"
    self.token = token
    self.client = client
    self.retries = retries
  }

  /// Sends one body, again after what may pass by itself: the same lines twice change nothing.
  func post(_ body: [UInt8]) async throws(SyncError) -> RegistryReceipt {
    var attempt = 1
    while true {
      do throws(SyncError) {
        return try await postOnce(body)
      } catch {
        guard case .backendAway = error, attempt < retries.attempts else { throw error }
        var generator = SystemRandomNumberGenerator()
        let wait = retries.delay(afterAttempt: attempt, using: &generator)
        do { try await Task.sleep(for: wait) } catch { throw .cancelled }
        attempt += 1
      }
    }
  }

  private func postOnce(_ body: [UInt8]) async throws(SyncError) -> RegistryReceipt {
    var request = TransferRequest(
      method: "POST", url: url, headers: ["Content-Type": "application/x-ndjson"],
      body: .bytes(body), timeout: .seconds(300), responseLimit: 1 << 20)
    if let token { request.headers["Authorization"] = "Bearer \(token)" }
    let response: TransferResponse
    do throws(TransferError) {
      response = try await client.perform(request)
    } catch {
      throw error.kind == .cancelled ? .cancelled : .backendAway(url: url, reason: "\(error)")
    }
    return try receipt(of: response)
  }

  private func receipt(of response: TransferResponse) throws(SyncError) -> RegistryReceipt {
    if response.status == 401 || response.status == 403 {
      throw .unauthorized(url: url, status: response.status)
    }
    if retries.isTransient(status: response.status) {
      throw .backendAway(url: url, reason: "status \(response.status), \(detail(of: response))")
    }
    guard response.isSuccess else {
      throw .rejected(url: url, status: response.status, detail: detail(of: response))
    }
    do {
      return try JSONDecoder().decode(RegistryReceipt.self, from: Data(response.body))
    } catch {
      throw .rejected(
        url: url, status: response.status,
        detail: "the answer is no receipt; is backend-url a backend of builds.rs?")
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
