public import ExecutorKit
import Foundation

/// A process with its output read as it comes, on a thread of its own that lives as long as it.
///
/// The thread matters: what a process asks to happen at its parent's death (`--die-with-parent`)
/// happens at the death of the *thread* that started it (prctl(2), PR_SET_PDEATHSIG), so none that a
/// pool may end can be used.
public final class ChildProcess: Sendable {
  /// How a process ended.
  public struct End: Sendable, Equatable {
    /// The status as wait(2) tells it.
    var waitStatus: Int32
    /// What it wrote to descriptor 3, where ``Sandbox`` has bubblewrap's own word.
    public var report: String
    /// The last it wrote to standard error.
    public var lastWords: String

    /// The exit status; nil where a signal ended it.
    public var exitStatus: Int32? { waitStatus & 0x7f == 0 ? waitStatus >> 8 & 0xff : nil }
    /// The signal that ended it.
    public var signal: Int32? { waitStatus & 0x7f == 0 ? nil : waitStatus & 0x7f }
  }

  private struct State {
    /// Nil before the start and once it has been waited for: then the number may be another's.
    var pid: pid_t?
    var isKilled = false
  }
  private let state = Locked(State())

  public init() {}

  /// Starts a program and follows it to its end. Standard input is `/dev/null`; it inherits no other
  /// descriptor, is in a session of its own, and has no signal blocked or ignored.
  ///
  /// Cancelling the task kills it as ``kill()`` does.
  /// - Parameters:
  ///   - arguments: The program's absolute path and its arguments.
  ///   - output: Called from the thread, in the order of arrival.
  /// - Throws: ``ExecutorFailure`` where it cannot be started.
  public func run(
    _ arguments: [String], variables: [String: String],
    output: @escaping @Sendable (CommandOutput) -> Void
  ) async throws -> End {
    let result: Result<End, ExecutorFailure> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let thread = Thread { [self] in
          continuation.resume(
            returning: Result { () throws(ExecutorFailure) in
              try follow(arguments, variables, output)
            })
        }
        thread.start()
      }
    } onCancel: {
      kill()
    }
    return try result.get()
  }

  /// Kills the process and what it has started in its own process group; one that has not started yet
  /// is killed then.
  public func kill() {
    state.withLock { state in
      state.isKilled = true
      if let pid = state.pid { _ = Foundation.kill(-pid, SIGKILL) }
    }
  }

  private func follow(
    _ arguments: [String], _ variables: [String: String], _ output: (CommandOutput) -> Void
  ) throws(ExecutorFailure) -> End {
    let pipes = try ChildPipes()
    let spawn = Spawn(arguments: arguments, variables: variables)
    let pid: pid_t
    do { pid = try spawn.start(pipes) } catch {
      pipes.closeAll()
      throw error
    }
    pipes.closeChildEnds()
    state.withLock { state in
      state.pid = pid
      if state.isKilled { _ = Foundation.kill(-pid, SIGKILL) }
    }
    let (report, lastWords) = pipes.readToEnd(output)
    // It may have closed its output long before its end. It stays a zombie, and its number its own,
    // until the lock is held: nobody kills a stranger.
    var info = siginfo_t()
    while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
    var status: Int32 = 0
    state.withLock { state in
      while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
      state.pid = nil
    }
    return End(waitStatus: status, report: report, lastWords: lastWords)
  }
}
