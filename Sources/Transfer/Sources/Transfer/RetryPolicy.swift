import CCurl
import Glibc

/// When a request is sent again, and how long to wait before: exponential backoff with jitter.
public struct TransferRetryPolicy: Sendable {
  /// How often a request is sent at most; 1: never again.
  public var attempts: Int
  /// The wait after the first attempt, before jitter; it doubles with each one.
  public var firstDelay: Duration
  /// The longest wait. An answer that asks for a longer one (`Retry-After`) is not retried.
  public var maximumDelay: Duration

  /// Creates a policy; by default 4 attempts within about two seconds.
  public init(
    attempts: Int = 4, firstDelay: Duration = .milliseconds(250),
    maximumDelay: Duration = .seconds(30)
  ) {
    self.attempts = attempts
    self.firstDelay = firstDelay
    self.maximumDelay = maximumDelay
  }

  /// Whether the same request may succeed a moment later: 429 and 5xx but 501 and 505.
  public func isTransient(status: Int) -> Bool {
    status == 429 || ((500..<600).contains(status) && status != 501 && status != 505)
  }

  /// Whether the same request may succeed a moment later.
  ///
  /// Where the server may have acted already, only methods that can be repeated count (RFC 9110,
  /// section 9.2.2).
  public func isTransient(_ error: TransferError) -> Bool {
    let repeatable = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].contains(error.method)
    switch error.kind {
    case .cannotConnect: return true
    case .timedOut: return repeatable
    // Body cut short, empty answer, send and receive errors, broken HTTP/2 streams.
    case .other(let code, _): return repeatable && [16, 18, 52, 55, 56, 92].contains(code)
    case .tooLarge, .cancelled: return false
    }
  }

  /// How long to wait after an attempt (from 1): a random time between half the backoff and all of it.
  public func delay(
    afterAttempt attempt: Int, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    let doublings = min(max(attempt - 1, 0), 20)
    let full = min(firstDelay * (1 << doublings), maximumDelay)
    return full * Double.random(in: 0.5...1, using: &generator)
  }

  /// How long to wait after an answer, or nil where it is to be returned as it is.
  func delay(after response: TransferResponse, attempt: Int, now: Int) -> Duration? {
    guard attempt < attempts, isTransient(status: response.status) else { return nil }
    var generator = SystemRandomNumberGenerator()
    let backoff = delay(afterAttempt: attempt, using: &generator)
    guard let asked = response.headers["Retry-After"].flatMap({ Self.retryAfter($0, now: now) })
    else { return backoff }
    return asked <= maximumDelay ? max(asked, backoff) : nil
  }

  /// How long to wait after an error, or nil where it is to be thrown.
  func delay(after error: TransferError, attempt: Int) -> Duration? {
    guard attempt < attempts, isTransient(error) else { return nil }
    var generator = SystemRandomNumberGenerator()
    return delay(afterAttempt: attempt, using: &generator)
  }

  /// The wait in a `Retry-After` field: seconds or an HTTP date (RFC 9110, section 10.2.3).
  static func retryAfter(_ value: String, now: Int) -> Duration? {
    if let seconds = Int(value) { return seconds >= 0 ? .seconds(min(seconds, 86400)) : nil }
    let date = curl_getdate(value, nil)
    return date < 0 ? nil : .seconds(max(0, date - now))
  }
}

extension TransferClient {
  /// Like `perform`, and again after transient failures, as the policy says.
  public func performWithRetries(
    _ request: TransferRequest, policy: TransferRetryPolicy = .init()
  ) async throws(TransferError) -> TransferResponse {
    try await withRetries(policy) { () async throws(TransferError) in try await perform(request) }
  }

  /// Like `download`, and again from the start after transient failures, as the policy says.
  public func downloadWithRetries(
    _ request: TransferRequest, to path: String, policy: TransferRetryPolicy = .init()
  ) async throws(TransferError) -> TransferResponse {
    try await withRetries(policy) { () async throws(TransferError) in
      try await download(request, to: path)
    }
  }

  private func withRetries(
    _ policy: TransferRetryPolicy,
    _ send: () async throws(TransferError) -> TransferResponse
  ) async throws(TransferError) -> TransferResponse {
    var attempt = 1
    while true {
      let wait: Duration
      do {
        let response = try await send()
        guard let delay = policy.delay(after: response, attempt: attempt, now: time(nil)) else {
          return response
        }
        wait = delay
      } catch {
        guard let delay = policy.delay(after: error, attempt: attempt) else { throw error }
        wait = delay
      }
      // A cancelled task does not sleep; the next attempt then fails with `cancelled`.
      try? await Task.sleep(for: wait)
      attempt += 1
    }
  }
}
