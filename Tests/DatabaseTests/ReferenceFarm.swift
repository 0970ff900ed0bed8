import ExecutorKit
import FarmModel
import Scheduling

/// What the design says becomes of jobs, in a few lines and without a database: the database's statements
/// are held against it. Time is what the test says it is.
struct ReferenceFarm {
  struct Job: Equatable {
    var state = JobState.pending
    var attempt: Int32 = 0
    var builder: Int?
    var retriesLeft = 5
    var doubled = false
    var isHeld = false
    var isSuspect = false
    var cancelRequested = false
    /// Attempts that have published.
    var published: [Int32] = []
    /// Attempts that have checked what was published.
    var checked: [Int32] = []
    /// What is published is to be checked, and nothing to be built.
    var isOnlyCheck = false
    /// The last attempt was given to check, and not to build.
    var lastWasCheck = false
    /// Builders on which it failed for want of infrastructure since it was forgiven.
    var failedOn: Set<Int> = []
    /// The last attempt was ended by its lease, and can be revived by this builder.
    var revivable: Int?
    /// Attempts that were lost, or given back, by these builders.
    var lost: [Int32: Int] = [:]
    /// The last one has taken a try.
    var wasCharged = false
    /// A lost lease that is revived, or of whose end the builder tells after all, costs no try.
    var forgiven: Int { retriesLeft + (wasCharged ? 1 : 0) }
  }
  var jobs: [Job]
  private let policy = RetryPolicy()

  init(jobs: Int) { self.jobs = Array(repeating: Job(), count: jobs) }

  mutating func claimed(_ index: Int, by builder: Int) {
    jobs[index].state = .leased
    jobs[index].attempt += 1
    jobs[index].lastWasCheck = jobs[index].isOnlyCheck
    jobs[index].builder = builder
    jobs[index].revivable = nil
    jobs[index].wasCharged = false
  }

  /// Whether a builder's word about an attempt still counts.
  func holds(_ index: Int, attempt: Int32, builder: Int) -> Bool {
    let job = jobs[index]
    guard job.attempt == attempt else { return false }
    return job.state == .leased
      ? job.builder == builder
      : job.state == .pending && job.revivable == builder
  }

  mutating func renewed(_ index: Int, by builder: Int) {
    jobs[index].state = .leased
    jobs[index].builder = builder
    jobs[index].isHeld = false
    jobs[index].retriesLeft = jobs[index].forgiven
    jobs[index].lost[jobs[index].attempt] = nil
    jobs[index].revivable = nil
    jobs[index].wasCharged = false
  }

  mutating func failed(_ index: Int, builder: Int, _ failure: FailureClass, hasLargerBuilder: Bool)
  {
    var job = jobs[index]
    defer { jobs[index] = job }
    job.lost[job.attempt] = failure == .leaseLost ? builder : nil
    let wasCancelled = job.cancelRequested
    job.builder = nil
    job.cancelRequested = false
    job.isHeld = false
    // Also where it is cancelled: an operator may want it again before another builder has it.
    job.revivable = failure == .leaseLost ? builder : nil
    let forgiven = job.forgiven
    job.wasCharged = false
    if wasCancelled {
      // What it was to check is published as before.
      job.state = job.isOnlyCheck ? .succeeded : .cancelled
      job.isOnlyCheck = false
      return
    }
    let decision = policy.decide(
      failure == .cancelled ? .leaseLost : failure, retriesLeft: forgiven,
      limitsWereDoubled: job.doubled)
    switch decision {
    case .cancel: job.state = .cancelled
    case .fail: job.state = .failed
    case .retry(_, let left, doublesLimits: true):
      job.state = hasLargerBuilder ? .pending : .failed
      if hasLargerBuilder { (job.retriesLeft, job.doubled) = (left, true) }
    case .retry(_, let left, _):
      job.state = .pending
      job.retriesLeft = left
      job.isHeld = true
      if failure == .infrastructure { job.failedOn.insert(builder) }
      if job.failedOn.count >= 3 { job.isSuspect = true }
      job.wasCharged = failure == .leaseLost
    }
  }

  /// A builder has come back without a job that it had not begun with.
  mutating func forsaken(_ index: Int, by builder: Int) {
    guard jobs[index].lost[jobs[index].attempt - 1] != builder else {
      return failed(index, builder: builder, .leaseLost, hasLargerBuilder: true)
    }
    if !jobs[index].cancelRequested {
      jobs[index].state = .pending
    } else {
      jobs[index].state = jobs[index].isOnlyCheck ? .succeeded : .cancelled
      jobs[index].isOnlyCheck = false
    }
    jobs[index].builder = nil
    jobs[index].cancelRequested = false
    jobs[index].revivable = builder
    jobs[index].lost[jobs[index].attempt] = builder
  }

  mutating func succeeded(_ index: Int) {
    jobs[index].published.append(jobs[index].attempt)
    ended(index)
  }

  mutating func checked(_ index: Int) {
    jobs[index].checked.append(jobs[index].attempt)
    ended(index)
  }

  private mutating func ended(_ index: Int) {
    jobs[index].isOnlyCheck = false
    jobs[index].lost[jobs[index].attempt] = nil
    jobs[index].state = .succeeded
    jobs[index].builder = nil
    jobs[index].cancelRequested = false
    jobs[index].isHeld = false
    jobs[index].revivable = nil
  }

  mutating func cancelled(_ index: Int) {
    switch jobs[index].state {
    case .pending:
      jobs[index].state = jobs[index].isOnlyCheck ? .succeeded : .cancelled
      jobs[index].isOnlyCheck = false
      jobs[index].isHeld = false
      jobs[index].isSuspect = false
    case .leased: jobs[index].cancelRequested = true
    default: break
    }
  }

  mutating func retried(_ index: Int) {
    guard [.failed, .cancelled].contains(jobs[index].state) || jobs[index].isHeld else { return }
    jobs[index].state = .pending
    jobs[index].retriesLeft = 5
    jobs[index].isHeld = false
    jobs[index].isSuspect = false
    jobs[index].failedOn = []
    jobs[index].wasCharged = false
  }

  mutating func rebuilt(_ index: Int) {
    let job = jobs[index]
    let isCheck = job.isOnlyCheck && (job.state == .failed || job.state == .pending)
    guard job.state == .succeeded || isCheck else { return }
    // Who has begun to check it cannot end the build; who has begun to build it could.
    if isCheck || job.lastWasCheck { jobs[index].revivable = nil }
    jobs[index].isHeld = false
    jobs[index].isSuspect = false
    jobs[index].wasCharged = false
    jobs[index].isOnlyCheck = false
    jobs[index].state = .pending
    jobs[index].retriesLeft = 5
    jobs[index].failedOn = []
  }

  /// The recipes want another check by now, and the same build.
  mutating func checkWanted(_ index: Int) {
    var job = jobs[index]
    guard job.state != .leased, job.state != .cancelled else { return }
    if job.state == .succeeded { job.isOnlyCheck = true }
    job.state = .pending
    job.retriesLeft = 5
    job.doubled = false
    job.isHeld = false
    job.isSuspect = false
    job.failedOn = []
    job.revivable = nil
    job.wasCharged = false
    jobs[index] = job
  }

  /// All pauses are over.
  mutating func released() {
    for index in jobs.indices where jobs[index].isHeld && !jobs[index].isSuspect {
      jobs[index].isHeld = false
    }
  }
}
