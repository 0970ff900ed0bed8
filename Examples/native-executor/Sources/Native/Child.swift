import ExecutorKit
import Foundation

/// One program, from its start to its end, on a thread of its own.
///
/// The thread matters: `--die-with-parent` means the *thread* that has started a program
/// (PR_SET_PDEATHSIG), and threads of Swift's pool come and go.
struct Child: Sendable {
  let program: String
  /// The first word of its command line.
  var name: String?
  var arguments: [String]
  /// What it can read from descriptor 3; less than a pipe holds.
  var descriptor3: [UInt8] = []
  var timeLimitSeconds: Int

  init(program: String, name: String? = nil, arguments: [String], timeLimitSeconds: Int) {
    (self.program, self.name, self.arguments) = (program, name, arguments)
    self.timeLimitSeconds = timeLimitSeconds
  }

  /// Milliseconds until everything that was killed has let go of its output: two seconds are promised.
  private static let patienceAfterKill: Int32 = 2000

  /// Runs a short program of the host; both its streams, without the final line end.
  static func text(
    of program: String, _ arguments: [String]
  ) async throws(ExecutorFailure) -> (succeeded: Bool, text: String) {
    let child = Child(program: program, arguments: arguments, timeLimitSeconds: 10)
    let lines = Lines()
    do {
      let result = try await child.run { lines.add($0.bytes) }
      return (result.succeeded, lines.text)
    } catch let failure as ExecutorFailure {
      throw failure
    } catch { throw ExecutorFailure(.cancelled, "the attempt was cancelled") }
  }

  /// Runs it, and returns when it and all that holds its output have ended. Cancelling kills it.
  /// - Throws: ``ExecutorFailure`` where it cannot be started; `CancellationError`.
  func run(_ output: @escaping @Sendable (CommandOutput) -> Void) async throws -> CommandResult {
    let stop = try Pipe(forOwnWrites: true)
    let result = try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        Thread {
          continuation.resume(with: Result { try runHere(stop: stop, output) })
        }.start()
      }
    } onCancel: {
      stop.write([1])
    }
    try Task.checkCancellation()
    return result
  }

  private func runHere(
    stop: Pipe, _ output: (CommandOutput) -> Void
  ) throws -> CommandResult {
    let start = ContinuousClock.now
    let (out, errors, input) = (try Pipe(), try Pipe(), try Pipe(forOwnWrites: true))
    guard input.write(descriptor3) else {
      throw ExecutorFailure(.infrastructure, "the command line is too long for a pipe")
    }
    let process = try spawn(out: out, errors: errors, input: input)
    for pipe in [out, errors, input] { pipe.closeWriting() }
    let wasKilled = read(out, errors, stop, of: process, from: start, output)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    if wasKilled { return CommandResult(.timedOut, seconds: seconds) }
    let signal = status & 0x7F
    return CommandResult(
      signal == 0 ? .exited(status: status >> 8 & 0xFF) : .signalled(number: signal),
      seconds: seconds)
  }

  private func spawn(out: Pipe, errors: Pipe, input: Pipe) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, out.writing, 1)
    posix_spawn_file_actions_adddup2(&actions, errors.writing, 2)
    posix_spawn_file_actions_adddup2(&actions, input.reading, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The host ignores SIGPIPE, which programs would inherit.
    var defaults = sigset_t()
    sigemptyset(&defaults)
    sigaddset(&defaults, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
    var words = ([name ?? program] + arguments).map { $0.withCString { strdup($0) } } + [nil]
    var variables =
      ["PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"].map { $0.withCString { strdup($0) } } + [nil]
    defer { for text in words + variables { free(text) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, program, &actions, &attributes, &words, &variables)
    guard code == 0 else {
      throw ExecutorFailure(
        .infrastructure, "cannot start \(program): \(String(cString: strerror(code)))")
    }
    return process
  }

  /// Hands on what comes until both streams end. Whether it had to be killed.
  private func read(
    _ out: Pipe, _ errors: Pipe, _ stop: Pipe, of process: pid_t,
    from start: ContinuousClock.Instant, _ output: (CommandOutput) -> Void
  ) -> Bool {
    let deadline = start + .seconds(timeLimitSeconds)
    var polled = [out, errors, stop].map {
      pollfd(fd: $0.reading, events: Int16(POLLIN), revents: 0)
    }
    var (wasKilled, buffer) = (false, [UInt8](repeating: 0, count: 64 << 10))
    while polled[0].fd >= 0 || polled[1].fd >= 0 {
      let left = (deadline - .now) / .milliseconds(1)
      let patience = wasKilled ? Self.patienceAfterKill : Int32(max(0, min(left.rounded(.up), 1e9)))
      let ready = poll(&polled, 3, patience)
      if wasKilled, ready == 0 { break }
      if !wasKilled, ready == 0 || polled[2].revents != 0 {
        // bubblewrap's end is the end of its process namespace, and with that of all in it.
        kill(process, SIGKILL)
        (wasKilled, polled[2].fd) = (true, -1)
      }
      for (index, stream) in [(0, CommandOutput.Stream.standardOutput), (1, .standardError)]
      where polled[index].fd >= 0 && polled[index].revents != 0 {
        let count = Foundation.read(polled[index].fd, &buffer, buffer.count)
        if count > 0 { output(CommandOutput(stream, Array(buffer[..<count]))) }
        if count == 0 { polled[index].fd = -1 }
      }
    }
    return wasKilled
  }
}
