import Blocking
import ExecutorKit

/// Runs commands in the environment while it watches what the environment cannot: the size of the
/// log, and of the folders on the host that the commands may fill.
struct GuardedRun: Sendable {
  let environment: any BuildEnvironment
  let log: AttemptLog
  let folders: AttemptFolders
  /// Bytes that the build may write.
  let diskLimit: Int64
  /// Bytes that the compile cache had before the build.
  var cachedBefore: Int64 = 0
  /// How long to wait between two looks at the same thing, at least; where looking is slow, longer
  /// (``lookingShare``). A build can write more than allowed for this long; a hard bound needs a quota
  /// on the file system that holds the work directory.
  var interval: Duration = .milliseconds(250)
  /// The same for the compile cache, which is large and not the build's own.
  var cacheInterval: Duration = .seconds(5)

  /// At most one part in so many of the time goes into looking, as long as it is not on purpose that
  /// looking takes long: no build decides for longer than ``longestPause`` when the next look is.
  private static let lookingShare = 20
  private static let longestPause = Duration.seconds(2)

  /// What the last looks have found.
  private struct Found {
    var named: Int64 = 0
    var unlinked: Int64 = 0
  }

  /// Runs a command to its end.
  /// - Throws: ``ExecutorFailure`` of class `log-limit` or `disk-full` where a limit was passed (the
  ///   command is killed), or what the environment throws.
  func run(
    _ command: EnvironmentCommand, output: @escaping @Sendable (CommandOutput) -> Void
  ) async throws -> CommandResult {
    let found = Locked(Found())
    return try await withThrowingTaskGroup(of: CommandResult?.self) { group in
      group.addTask { try await environment.run(command, output: output) }
      group.addTask { try await failWhenLogIsFull() }
      // Each on a timer of its own: a build that makes one look slow does not put the other off.
      group.addTask {
        try await look(every: interval) {
          let bytes = await namedBytes()
          found.withLock { $0.named = bytes }
          try await check(found)
        }
      }
      group.addTask {
        try await look(every: interval) {
          let bytes = await unlinkedBytes()
          found.withLock { $0.unlinked = bytes }
          try await check(found)
        }
      }
      if folders.compileCache != nil {
        group.addTask { try await look(every: cacheInterval) { try await checkCache() } }
      }
      defer { group.cancelAll() }
      // The watchers only throw: the first result is the command's.
      guard let result = try await group.next() ?? nil else { throw CancellationError() }
      if log.isFull { throw logLimitReached }
      // What was written since the last look counts, too: a fast build is over before the first.
      try await checkDisk()
      try await checkCache()
      return result
    }
  }

  private var logLimitReached: ExecutorFailure {
    ExecutorFailure(.logLimit, "the build printed more than the plan's log limit allows")
  }

  private func failWhenLogIsFull() async throws -> CommandResult? {
    try await log.untilFull()
    throw logLimitReached
  }

  /// Looks again and again, until that throws.
  private func look(
    every interval: Duration, _ look: () async throws -> Void
  ) async throws -> CommandResult? {
    var pause = interval
    while true {
      try await Task.sleep(for: pause)
      let start = ContinuousClock.now
      try await look()
      let elapsed = ContinuousClock.now - start
      pause = max(interval, min(elapsed * Self.lookingShare, Self.longestPause))
    }
  }

  private func namedBytes() async -> Int64 {
    let watched = folders.writable
    return await offCooperativePool { DiskUsage.bytes(under: watched) }
  }

  private func unlinkedBytes() async -> Int64 {
    let place = folders.hidingPlace
    return await offCooperativePool { UnlinkedFiles.bytes(heldAt: place) }
  }

  /// A file that was removed between the two looks is in both: what they say together is only a reason
  /// for looking at everything at once.
  private func check(_ found: Locked<Found>) async throws(ExecutorFailure) {
    guard found.withLock({ sum($0.named, $0.unlinked) }) > diskLimit else { return }
    try await checkDisk()
  }

  private func checkDisk() async throws(ExecutorFailure) {
    let named = await namedBytes()
    let bytes = named > diskLimit ? named : sum(named, await unlinkedBytes())
    guard bytes > diskLimit else { return }
    guard bytes < .max else {
      throw ExecutorFailure(
        .diskFull,
        "the build has made more files than can be looked at, or hidden some, so that nobody knows"
          + " whether it is within its limit of \(diskLimit) bytes")
    }
    throw ExecutorFailure(
      .diskFull, "the build wrote \(bytes) bytes, more than its limit of \(diskLimit)")
  }

  private func sum(_ one: Int64, _ other: Int64) -> Int64 {
    let (sum, isTooMuch) = one.addingReportingOverflow(other)
    return isTooMuch ? .max : sum
  }

  /// sccache keeps its limit itself, and other builds of the domain write there at the same time: more
  /// than both is what this build has put there by itself.
  private func checkCache() async throws(ExecutorFailure) {
    guard let cache = folders.compileCache else { return }
    let cached = await offCooperativePool { cache.bytes }
    guard cached > sum(max(cachedBefore, CompileCache.largest), diskLimit) else { return }
    throw ExecutorFailure(
      .diskFull,
      "the build has filled the compile cache \(cache.objects), of which sccache keeps"
        + " \(CompileCache.largest) bytes, beyond its own limit of \(diskLimit); remove that"
        + " directory")
  }
}
