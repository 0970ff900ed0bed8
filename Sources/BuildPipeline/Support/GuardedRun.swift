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
  /// How long to wait between two measurements of the folders, at least; where measuring is slow,
  /// longer (``measuringShare``). A build can write more than allowed for this long; a hard bound
  /// needs a quota on the file system that holds the work directory.
  var interval: Duration = .milliseconds(250)
  /// At most one part in so many of the time goes into measuring.
  private static let measuringShare = 20

  /// Runs a command to its end.
  /// - Throws: ``ExecutorFailure`` of class `log-limit` or `disk-full` where a limit was passed (the
  ///   command is killed), or what the environment throws.
  func run(
    _ command: EnvironmentCommand, output: @escaping @Sendable (CommandOutput) -> Void
  ) async throws -> CommandResult {
    try await withThrowingTaskGroup(of: CommandResult?.self) { group in
      group.addTask { try await environment.run(command, output: output) }
      group.addTask { try await failWhenLogIsFull() }
      group.addTask { try await failWhenDiskIsFull() }
      defer { group.cancelAll() }
      // The watchers only throw: the first result is the command's.
      guard let result = try await group.next() ?? nil else { throw CancellationError() }
      if log.isFull { throw logLimitReached }
      // What was written since the last look counts, too: a fast build is over before the first.
      try await checkDisk()
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

  private func failWhenDiskIsFull() async throws -> CommandResult? {
    var pause = interval
    while true {
      try await Task.sleep(for: pause)
      let start = ContinuousClock.now
      try await checkDisk()
      pause = max(interval, (ContinuousClock.now - start) * Self.measuringShare)
    }
  }

  private func checkDisk() async throws(ExecutorFailure) {
    let (watched, place) = (folders.writable, folders.hidingPlace)
    let bytes = await offCooperativePool {
      let named = DiskUsage.bytes(under: watched)
      return named > diskLimit ? named : named + UnlinkedFiles.bytes(heldAt: place)
    }
    guard bytes <= diskLimit else {
      throw ExecutorFailure(
        .diskFull, "the build wrote \(bytes) bytes, more than its limit of \(diskLimit)")
    }
    guard let cache = folders.compileCache else { return }
    let cached = await offCooperativePool { DiskUsage.bytes(under: [cache.directory]) }
    guard cached <= CompileCache.largest + diskLimit else {
      throw ExecutorFailure(
        .diskFull,
        "the compile cache \(cache.directory) has \(cached) bytes, while sccache keeps"
          + " \(CompileCache.largest): a build has filled it, so remove the directory")
    }
  }
}
