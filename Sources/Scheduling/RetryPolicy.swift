public import ExecutorKit

/// What happens to a job after an attempt that failed.
public enum RetryDecision: Sendable, Equatable {
  /// Back to `pending`, not to be claimed before `afterSeconds` have passed.
  case retry(afterSeconds: Double, retriesLeft: Int, doublesLimits: Bool)
  /// `failed`: final until its plan changes or an operator retries it.
  case fail
  /// `cancelled`: somebody wanted it ended.
  case cancel
}

/// When a failed attempt is tried again: a function of values.
public struct RetryPolicy: Sendable, Equatable {
  /// How often `infrastructure` and `lease-lost` are tried again.
  public var maximumRetries = 5
  /// The pause before the first of them; each following one is twice as long.
  public var firstPauseSeconds = 2.0
  /// The longest pause.
  public var longestPauseSeconds = 600.0

  public init() {}

  /// - Parameters:
  ///   - retriesLeft: how many more tries the job has, 0 or more.
  ///   - limitsWereDoubled: whether the attempt ran with doubled limits already.
  public func decide(_ failure: FailureClass, retriesLeft: Int, limitsWereDoubled: Bool)
    -> RetryDecision
  {
    switch failure {
    case .infrastructure, .leaseLost:
      guard retriesLeft > 0 else { return .fail }
      let pause = pauseSeconds(retriesLeft: retriesLeft)
      return .retry(afterSeconds: pause, retriesLeft: retriesLeft - 1, doublesLimits: false)
    case .outOfMemory, .timeout:
      guard !limitsWereDoubled else { return .fail }
      return .retry(afterSeconds: 0, retriesLeft: retriesLeft, doublesLimits: true)
    case .cancelled: return .cancel
    case .fetch, .lockfile, .noBinaries, .compile, .link, .inspection, .smoke, .diskFull, .logLimit:
      return .fail
    }
  }

  /// Exponential in the number of retries already used.
  private func pauseSeconds(retriesLeft: Int) -> Double {
    let used = max(0, maximumRetries - retriesLeft)
    return min(longestPauseSeconds, firstPauseSeconds * Double(1 << min(used, 30)))
  }
}
