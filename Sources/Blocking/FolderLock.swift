import Glibc

/// Keeps a folder that processes share from being tidied while somebody uses it: flock(2) on a file
/// in it. The kernel drops the lock with its holder, however that ends.
public struct FolderLock: Sendable {
  /// The file's name in the folder.
  public static let name = ".lock"
  private let descriptor: Int32

  /// Waits for the one that tidies. Nil where the folder is not there. Blocks.
  public init?(shared folder: String) { self.init(folder, LOCK_SH) }

  /// Waits for all that use the folder. Nil where it is not there. Blocks.
  public init?(exclusive folder: String) { self.init(folder, LOCK_EX) }

  private init?(_ folder: String, _ operation: Int32) {
    descriptor = open("\(folder)/\(Self.name)", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { return nil }
    while flock(descriptor, operation) != 0 {
      guard errno == EINTR else {
        close(descriptor)
        return nil
      }
    }
  }

  /// Lets the next one in. Call it once.
  public func release() { close(descriptor) }
}
