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
  /// How often the folders are measured. A build can write more than allowed for this long; a hard
  /// bound needs a quota on the file system that holds the work directory.
  var interval: Duration = .milliseconds(500)

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
      let (watched, limit) = (folders.writable, diskLimit)
      let start = ContinuousClock.now
      let bytes = await offCooperativePool { DiskUsage.bytes(under: watched) }
      // Measuring folders with very many files may take a tenth of the time, not more.
      pause = max(interval, (ContinuousClock.now - start) * 9)
      guard bytes <= limit else {
        throw ExecutorFailure(
          .diskFull, "the build wrote \(bytes) bytes, more than its limit of \(limit)")
      }
    }
  }
}
