/// How far a sync is. Pure.
public struct SyncProgress: Sendable, Equatable {
  /// What is going on.
  public enum Stage: String, Sendable {
    /// The index is read and sent.
    case index
    /// `.crate` files are looked into.
    case looks
  }

  public var stage: Stage
  /// Crates that are done: acknowledged, or as they were.
  public var done: Int
  /// All crates of this stage; nil: unknown.
  public var total: Int?
  /// Version lines that the backend has acknowledged.
  public var versions: Int
  /// Since the stage began (or went on, after a kill).
  public var elapsed: Duration
  /// What was done before that.
  public var doneBefore: Int

  public init(
    stage: Stage, done: Int, total: Int?, versions: Int, elapsed: Duration, doneBefore: Int = 0
  ) {
    self.stage = stage
    self.done = done
    self.total = total
    self.versions = versions
    self.elapsed = elapsed
    self.doneBefore = doneBefore
  }

  /// Crates a second; 0 at the begin.
  public var rate: Double {
    let seconds = elapsed / .seconds(1)
    return seconds > 0 ? Double(done - doneBefore) / seconds : 0
  }

  /// How long the rest takes at this rate; nil: that cannot be told.
  public var timeLeft: Duration? {
    guard let total, rate > 0 else { return nil }
    return .seconds((Double(max(0, total - done)) / rate).rounded())
  }
}

/// Counts what one stage has done, and tells of it.
struct ProgressCount {
  private let tell: @Sendable (SyncProgress) -> Void
  private let start = ContinuousClock.now
  private(set) var progress: SyncProgress

  init(
    _ stage: SyncProgress.Stage, total: Int?, doneBefore: Int = 0,
    tell: @escaping @Sendable (SyncProgress) -> Void
  ) {
    self.tell = tell
    progress = SyncProgress(
      stage: stage, done: doneBefore, total: total, versions: 0, elapsed: .zero,
      doneBefore: doneBefore)
  }

  mutating func add(crates: Int, versions: Int = 0) {
    progress.done += crates
    progress.versions += versions
    progress.elapsed = start.duration(to: .now)
    tell(progress)
  }
}
