/// When a waiting job may begin: a function of values.
public enum StartEstimate {
  /// Seconds until a job begins, from what it waits for; nil: it cannot be told.
  ///
  /// - Parameters:
  ///   - position: how many jobs are taken before it.
  ///   - slots: how many jobs of the target run at once; 0: nobody builds.
  ///   - secondsPerJob: how long jobs of the target have taken of late; nil: none has ended yet.
  public static func seconds(position: Int, slots: Int, secondsPerJob: Double?) -> Double? {
    guard slots > 0, let secondsPerJob else { return nil }
    // The slots are busy now and end, on average, in the middle of a job; each takes the next in turn.
    let rounds = Double(position / slots)
    return rounds * secondsPerJob + (position < slots ? 0 : secondsPerJob / 2)
  }
}
