/// Waiting times between attempts: doubling from `first` to `limit`, each with up to a quarter of
/// itself added by chance, so that many clients do not come back at the same moment.
struct Backoff: Sendable {
  var first: Duration = .milliseconds(50)
  var limit: Duration = .seconds(5)

  /// The time to wait after so many failures in a row; zero for none.
  func delay(afterFailures failures: Int, chance: Double = .random(in: 0...1)) -> Duration {
    guard failures > 0 else { return .zero }
    let doubled = first * (1 << min(failures - 1, 20))
    return min(doubled, limit) * (1 + chance / 4)
  }
}
