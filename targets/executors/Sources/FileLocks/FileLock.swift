import ExecutorKit
import Glibc

/// A lock between processes, held while a file is open (flock(2)); the kernel drops it with its
/// holder, however that ends.
public final class FileLock: Sendable {
  private let descriptor: Int32

  /// Waits until nobody else holds the lock.
  ///
  /// Looks every 200 ms instead of blocking a thread: whoever holds it is making an image or a root
  /// file system, which takes half a minute or more.
  /// - Parameter waiting: called once where somebody else holds it.
  public init(path: String, waiting: () -> Void) async throws {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw ExecutorFailure(
        .infrastructure, "cannot open the lock \(path): \(String(cString: strerror(errno)))")
    }
    var hasWaited = false
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      if !hasWaited { waiting() }
      hasWaited = true
      do { try await Task.sleep(for: .milliseconds(200)) } catch {
        close(descriptor)
        throw error
      }
    }
  }

  /// Lets the next one in. Call it once.
  public func release() { close(descriptor) }
}
