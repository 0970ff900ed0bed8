/// Times that were measured, told by their percentiles.
struct Latencies: Sendable {
  private(set) var milliseconds: [Double] = []

  init() {}

  init(_ durations: [Duration]) { for duration in durations { add(duration) } }

  mutating func add(_ duration: Duration) { milliseconds.append(duration / .milliseconds(1)) }

  /// What the report shows; nil where nothing was measured.
  var summary: LatencySummary? {
    let sorted = milliseconds.sorted()
    guard let first = sorted.first, let last = sorted.last else { return nil }
    return LatencySummary(
      count: sorted.count, mean: sorted.reduce(0, +) / Double(sorted.count), minimum: first,
      p50: Self.percentile(50, of: sorted), p90: Self.percentile(90, of: sorted),
      p99: Self.percentile(99, of: sorted), maximum: last)
  }

  /// How many took at most so many milliseconds, and more than the bound before; the last one has no
  /// bound.
  var histogram: [HistogramBucket] {
    var buckets = Self.bounds.map { HistogramBucket(atMost: $0, count: 0) }
    buckets.append(HistogramBucket(atMost: nil, count: 0))
    for value in milliseconds {
      buckets[Self.bounds.firstIndex { value <= $0 } ?? Self.bounds.count].count += 1
    }
    return buckets
  }

  private static let bounds: [Double] = [
    1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, 200, 500, 1000,
  ]

  /// The nearest rank: a value that was measured.
  private static func percentile(_ percent: Double, of sorted: [Double]) -> Double {
    let rank = (percent / 100 * Double(sorted.count)).rounded(.up)
    return sorted[max(0, min(sorted.count - 1, Int(rank) - 1))]
  }
}

/// Milliseconds.
struct LatencySummary: Sendable, Encodable {
  var count: Int
  var mean: Double
  var minimum: Double
  var p50: Double
  var p90: Double
  var p99: Double
  var maximum: Double
}

struct HistogramBucket: Sendable, Encodable {
  /// Milliseconds; nil: the rest.
  var atMost: Double?
  var count: Int
}
