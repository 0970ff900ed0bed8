import Synchronization

/// A bucket of tokens a client address: a simple bound on what one client may ask this backend for.
final class RateLimiter: Sendable {
  private struct Bucket {
    var tokens: Double
    var filledAt: ContinuousClock.Instant
  }

  private let perMinute: Double
  private let buckets = Mutex<[String: Bucket]>([:])
  /// How many addresses are remembered; then all are forgotten, which costs a limit once.
  private let maximumClients = 10_000

  init(perMinute: Int) { self.perMinute = Double(perMinute) }

  /// Takes one token; nil: there was one, else seconds until there is one again, at least 1.
  func take(_ client: String, now: ContinuousClock.Instant = .now) -> Int? {
    buckets.withLock { buckets in
      if buckets.count >= maximumClients, buckets[client] == nil { buckets = [:] }
      var bucket = buckets[client] ?? Bucket(tokens: perMinute, filledAt: now)
      let seconds = (now - bucket.filledAt) / .seconds(1)
      bucket.tokens = min(perMinute, bucket.tokens + seconds * perMinute / 60)
      bucket.filledAt = now
      defer { buckets[client] = bucket }
      guard bucket.tokens >= 1 else {
        return max(1, Int(((1 - bucket.tokens) * 60 / perMinute).rounded(.up)))
      }
      bucket.tokens -= 1
      return nil
    }
  }
}
