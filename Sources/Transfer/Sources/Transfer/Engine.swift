import CCurl
import Glibc

/// The thread that runs all transfers of a client, and the way to it.
///
/// `@unchecked Sendable`: `multi` is used by the thread alone, but for `curl_multi_wakeup`, which
/// libcurl allows from any thread and which is called under the lock that guards its end.
final class Engine: @unchecked Sendable {
  enum Command {
    case start(Operation)
    case cancel(Operation)
    case resume(Operation)
    case stop
  }

  private struct Inbox {
    var commands: [Command] = []
    var open = true
  }

  private let inbox = Locked(Inbox())
  private let multi: UnsafeMutableRawPointer?

  /// libcurl's own set-up, once in a process.
  private static let prepared = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

  init(configuration: TransferConfiguration) {
    multi = Self.prepared == CURLE_OK ? curl_multi_init() : nil
    if let multi {
      _ = fcm_set_long(
        multi, CURLMOPT_MAX_HOST_CONNECTIONS, max(0, configuration.maximumConnectionsPerHost))
    }
    if multi != nil, startThread({ self.run(configuration) }) { return }
    close()
    curl_multi_cleanup(multi)
  }

  /// What the thread does.
  private func run(_ configuration: TransferConfiguration) {
    guard let multi else { return }
    EngineLoop(engine: self, multi: multi, configuration: configuration).run()
  }

  /// Hands an operation to the thread; answers it at once when the client has shut down.
  func start(_ operation: Operation) {
    if !send(.start(operation)) { operation.finish(.cancelled) }
  }

  /// Ends an operation, whether it has begun, is waiting or is over.
  func cancel(_ operation: Operation) {
    operation.markCancelled()
    _ = send(.cancel(operation))
  }

  /// Lets a paused operation go on.
  func resume(_ operation: Operation) { _ = send(.resume(operation)) }

  /// Ends all operations and the thread.
  func stop() { _ = send(.stop) }

  /// Takes what was sent; on the engine's thread.
  func receive() -> [Command] {
    inbox.withLock { inbox in
      defer { inbox.commands = [] }
      return inbox.commands
    }
  }

  /// Accepts nothing more, so that nobody wakes a handle that is gone.
  func close() { inbox.withLock { $0.open = false } }

  private func send(_ command: Command) -> Bool {
    inbox.withLock { inbox in
      guard inbox.open, let multi else { return false }
      inbox.commands.append(command)
      curl_multi_wakeup(multi)
      return true
    }
  }
}

/// What a thread is started with.
private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Starts a thread of our own: libcurl's calls block, which the cooperative pool must not.
private func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
  let box = Unmanaged.passRetained(ThreadBody(body))
  var thread = pthread_t()
  let result = pthread_create(
    &thread, nil,
    { argument in
      if let argument { Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run() }
      return nil
    }, box.toOpaque())
  guard result == 0 else {
    box.release()
    return false
  }
  pthread_detach(thread)
  return true
}
