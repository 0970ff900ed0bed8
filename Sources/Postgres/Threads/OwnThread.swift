import CThreads
import Glibc

/// Threads of our own that live long, for loops of calls that block.
enum OwnThread {
  /// Starts a detached thread that runs `body` once. `name` is cut at 15 bytes.
  ///
  /// - Throws: `PostgresError` with SQLSTATE 53000 when the system gives no more threads.
  static func start(name: String, _ body: @escaping @Sendable () -> Void) throws {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Body(body))
    let code = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, box.toOpaque())
    guard code == 0 else {
      box.release()
      throw PostgresError.client(
        "53000", "cannot start the thread “\(name)”: \(String(cString: strerror(code)))")
    }
    _ = buildsrs_set_thread_name(thread, String(name.prefix(15)))
    pthread_detach(thread)
  }

  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }
}
