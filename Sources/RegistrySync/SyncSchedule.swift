/// When the next sync begins. Pure.
enum SyncSchedule {
  /// The wait after a sync.
  /// - Parameters:
  ///   - interval: the wait after one that went through.
  ///   - failures: how many in succession, to the last one, did not; the wait grows from 1 s.
  ///   - jitter: 0 to 1, by chance, so that many syncs do not meet.
  static func wait(interval: Duration, failures: Int, jitter: Double) -> Duration {
    guard failures > 0 else { return interval * (0.9 + 0.2 * jitter) }
    let backoff = min(interval, .seconds(1 << min(failures - 1, 12)))
    return backoff * (0.5 + 0.5 * jitter)
  }
}
