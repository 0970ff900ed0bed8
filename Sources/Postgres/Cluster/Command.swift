import CThreads
import Glibc

/// A program run to its end, on the calling thread: for threads of our own only.
struct Command {
  var arguments: [String]
  /// Nothing is inherited: variables such as PGDATA would steer PostgreSQL's programs elsewhere.
  var environment = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
  ]

  struct Outcome {
    /// The exit code, or 128 and the signal's number.
    let status: Int32
    /// Standard output and error together.
    let output: String
  }

  /// Runs the program in `/`, with nothing to read.
  ///
  /// - Throws: `EmbeddedClusterError` when it cannot be started.
  func run() throws -> Outcome {
    let (reading, writing) = try Self.pipe()
    let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer { close(null) }
    let process: pid_t
    do {
      defer { close(writing) }
      process = try spawn(input: null, output: writing)
    } catch {
      close(reading)
      throw error
    }
    let output = Self.readAll(reading)
    close(reading)
    return Outcome(status: Self.wait(process), output: output)
  }

  /// Starts the program in a session of its own, which ends when it likes. It reads the other end
  /// of the returned descriptor, and sees its end when this process has ended, however that was.
  func startGuard() throws -> (process: pid_t, leash: Int32) {
    let (reading, writing) = try Self.pipe()
    let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
    defer {
      close(reading)
      close(null)
    }
    return (try spawn(input: reading, output: null, newSession: true), writing)
  }

  private func spawn(input: Int32, output: Int32, newSession: Bool = false) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, output, 2)
    // A server that lives on would hold open what this process closes: sockets, and their peers wait.
    buildsrs_spawn_closing_others(&actions)
    buildsrs_spawn_in_directory(&actions, "/")
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    Self.resetSignals(&attributes, newSession: newSession)

    var process = pid_t()
    let argv = arguments.map { strdup($0) } + [nil]
    let envp = environment.map { strdup($0) } + [nil]
    defer { for text in argv + envp { free(text) } }
    let code = posix_spawnp(&process, arguments[0], &actions, &attributes, argv, envp)
    guard code == 0 else {
      throw EmbeddedClusterError.cannotRun(arguments[0], reason: String(cString: strerror(code)))
    }
    return process
  }

  private static func resetSignals(_ attributes: inout posix_spawnattr_t, newSession: Bool) {
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    let flags = Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
    let session = newSession ? buildsrs_spawn_in_new_session() : 0
    posix_spawnattr_setflags(&attributes, flags | session)
  }

  private static func pipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [-1, -1]
    guard buildsrs_pipe(&ends) == 0 else {
      throw EmbeddedClusterError.cannotRun("a program", reason: String(cString: strerror(errno)))
    }
    return (ends[0], ends[1])
  }

  private static func readAll(_ descriptor: Int32) -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += buffer[..<count]
    }
  }

  private static func wait(_ process: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : 128 + signal
  }
}
