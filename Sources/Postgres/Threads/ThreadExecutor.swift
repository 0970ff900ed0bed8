import Blocking
import CThreads
import Glibc

/// A serial executor with one thread of its own, so that its actor may call blocking C functions.
///
/// While idle the thread sleeps in poll(2) on an event descriptor and, when asked by `watch`, on
/// one more descriptor. It ends after `stop`, which the actor calls in its `deinit`: until then
/// jobs may arrive at any time.
///
/// `@unchecked Sendable`: `shared` is locked; `watched` and `onReadable` are touched on the thread
/// only (`watch` checks that); `wake` never changes.
final class ThreadExecutor: SerialExecutor, @unchecked Sendable {
  private struct Shared {
    var jobs: [UnownedJob] = []
    var sleeping = false
    var last: (@Sendable () -> Void)?
    var thread: pthread_t?
  }

  private enum Turn {
    case run, sleep
    case end(@Sendable () -> Void)
  }

  private let wake: Int32
  private let shared = Locked(Shared())
  private var watched: Int32 = -1
  private var onReadable: (@Sendable () -> Void)?

  /// - Throws: `PostgresError` with SQLSTATE 53000 when the system is out of threads or descriptors.
  init(name: String) throws {
    wake = buildsrs_eventfd()
    guard wake >= 0 else {
      let reason = String(cString: strerror(errno))
      throw PostgresError.client("53000", "no event descriptor for “\(name)”: \(reason)")
    }
    try OwnThread.start(name: name) { self.loop() }
  }

  deinit { if wake >= 0 { Glibc.close(wake) } }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let mustWake = shared.withLock { shared in
      shared.jobs.append(job)
      defer { shared.sleeping = false }
      return shared.sleeping
    }
    if mustWake { signal() }
  }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

  func checkIsolated() { precondition(isOnThread, "not on the thread of this executor") }

  func isIsolatingCurrentContext() -> Bool? { isOnThread }

  private var isOnThread: Bool {
    shared.withLock { shared in shared.thread.map { pthread_equal($0, pthread_self()) != 0 } }
      ?? false
  }

  /// On the thread only: `handler` runs there whenever `descriptor` is readable and no job waits.
  func watch(_ descriptor: Int32, _ handler: @escaping @Sendable () -> Void) {
    checkIsolated()
    watched = descriptor
    onReadable = handler
  }

  /// On the thread only: the end of `watch`.
  func unwatch() {
    checkIsolated()
    watched = -1
    onReadable = nil
  }

  /// From any thread: lets the thread look at its watched descriptor again, by calling its handler.
  func nudge() { signal() }

  /// After the jobs that wait already, the thread runs `last` and ends.
  func stop(_ last: @escaping @Sendable () -> Void) {
    shared.withLock { $0.last = last }
    signal()
  }

  private func signal() {
    var one: UInt64 = 1
    _ = Glibc.write(wake, &one, 8)
  }

  private func loop() {
    shared.withLock { $0.thread = pthread_self() }
    var batch: [UnownedJob] = []
    while true {
      switch nextTurn(&batch) {
      case .run:
        for job in batch { job.runSynchronously(on: asUnownedSerialExecutor()) }
        batch.removeAll(keepingCapacity: true)
      case .sleep: sleepUntilNeeded()
      case .end(let last):
        last()
        shared.withLock { $0.last = nil }
        return
      }
    }
  }

  private func nextTurn(_ batch: inout [UnownedJob]) -> Turn {
    shared.withLock { shared in
      swap(&batch, &shared.jobs)
      if !batch.isEmpty { return .run }
      if let last = shared.last { return .end(last) }
      shared.sleeping = true
      return .sleep
    }
  }

  private func sleepUntilNeeded() {
    var descriptors = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
    if watched >= 0 { descriptors.append(pollfd(fd: watched, events: Int16(POLLIN), revents: 0)) }
    let ready = poll(&descriptors, nfds_t(descriptors.count), -1)
    guard ready > 0 else { return }  // EINTR: the loop looks again
    if descriptors[0].revents != 0 {
      var count: UInt64 = 0
      _ = Glibc.read(wake, &count, 8)
    }
    if descriptors[0].revents != 0 || descriptors.count > 1 && descriptors[1].revents != 0 {
      onReadable?()
    }
  }
}
