import Foundation

/// What comes from the builder on an executor host's standard input.
public enum HostInput: Sendable, Equatable {
  /// The first line.
  case request(String)
  /// A later line `cancel`, the end of the input, or the parent's death.
  case cancel
}

/// The executor host's end of the pipes to its builder.
///
/// Standard input is watched by a thread of its own, which outlives everything that a module does to
/// the cooperative pool: after a cancel it gives the build a grace period to tear down, then it ends
/// the process. That is also why the kernel's PR_SET_PDEATHSIG is not used: it fires when the parent
/// *thread* ends, and a builder starts its children from threads of a pool. Its purpose is served by
/// the end of the input and by looking at the parent's process id once a second, which also holds
/// where another process has inherited the pipe.
public final class HostConnection: Sendable {
  /// The exit status where a cancelled build did not end within the grace period.
  public static let exitAfterGrace: Int32 = 75
  /// The longest line that is read, in bytes.
  static let longestLine = 16 << 20

  /// What the builder asks for, in order.
  public let input: AsyncStream<HostInput>
  private let output: HostOutput
  private let continuation: AsyncStream<HostInput>.Continuation
  private let graceSeconds: Int

  /// Takes over standard input and output; call it once, before anything else prints.
  ///
  /// Events go to a private copy of standard output; what a module prints there by mistake goes to
  /// standard error, so that it cannot corrupt the protocol.
  public init(graceSeconds: Int) {
    signal(SIGPIPE, SIG_IGN)
    let copy = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
    dup2(STDERR_FILENO, STDOUT_FILENO)
    (input, continuation) = AsyncStream.makeStream()
    output = HostOutput(descriptor: copy)
    self.graceSeconds = graceSeconds
    let parent = getppid()
    Thread { self.watch(parent: parent) }.start()
  }

  /// Sends an event to the builder; never blocks.
  public func send(_ event: HostEvent) { output.send(event) }

  /// Ends ``input``: there is nothing more to ask.
  public func closeInput() { continuation.finish() }

  /// Waits until everything sent is written.
  public func flush() async { await output.flush() }

  private func watch(parent: pid_t) {
    var lines = LineSplitter(limit: Self.longestLine)
    while true {
      guard getppid() == parent else { return cancelAndWait() }
      var poller = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      guard poll(&poller, 1, 1000) != 0 else { continue }
      var buffer = [UInt8](repeating: 0, count: 64 << 10)
      let count = read(STDIN_FILENO, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0, let found = lines.add(buffer[..<count]) else { return cancelAndWait() }
      for line in found {
        if line == "cancel" { return cancelAndWait() }
        continuation.yield(.request(line))
      }
    }
  }

  private func cancelAndWait() {
    continuation.yield(.cancel)
    continuation.finish()
    Thread.sleep(forTimeInterval: Double(graceSeconds))
    let message = "the build did not end within \(graceSeconds) s of its cancellation; giving up\n"
    FileHandle.standardError.write(Data(message.utf8))
    _exit(Self.exitAfterGrace)
  }
}

/// Cuts a stream of bytes into lines.
struct LineSplitter {
  let limit: Int
  private var rest: [UInt8] = []

  init(limit: Int) { self.limit = limit }

  /// The lines that are complete now, without their ends; nil once a line is longer than the limit.
  mutating func add(_ bytes: some Sequence<UInt8>) -> [String]? {
    var lines: [String] = []
    for byte in bytes {
      if byte == UInt8(ascii: "\n") {
        lines.append(String(decoding: rest, as: UTF8.self))
        rest.removeAll(keepingCapacity: true)
      } else {
        rest.append(byte)
        if rest.count > limit { return nil }
      }
    }
    return lines
  }

  /// A last line without an end, if there is one.
  mutating func finish() -> String? {
    defer { rest = [] }
    return rest.isEmpty ? nil : String(decoding: rest, as: UTF8.self)
  }
}
