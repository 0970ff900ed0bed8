import Glibc

/// Keeps a folder that processes share from being tidied while somebody reads it (flock(2) on a file
/// in it); the kernel drops the lock with its holder, however that ends.
struct FolderLock: Sendable {
  static let name = ".lock"
  private let descriptor: Int32

  /// Waits for the one that tidies. Nil where the folder is not there. Blocks.
  init?(shared folder: String) { self.init(folder, LOCK_SH) }

  /// Nil where the folder is not there, or somebody holds the lock. Does not wait.
  init?(exclusive folder: String) { self.init(folder, LOCK_EX | LOCK_NB) }

  private init?(_ folder: String, _ operation: Int32) {
    descriptor = open("\(folder)/\(Self.name)", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { return nil }
    guard flock(descriptor, operation) == 0 else {
      close(descriptor)
      return nil
    }
  }

  /// Call it once.
  func release() { close(descriptor) }
}
