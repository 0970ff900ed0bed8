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

  /// Takes the folder alone; nil: somebody uses it.
  /// - Throws: `FolderLockError` where there can be no lock.
  public static func trying(_ folder: String) throws(FolderLockError) -> FolderLock? {
    let descriptor = open("\(folder)/\(name)", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw FolderLockError(code: errno) }
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      let code = errno
      if code == EINTR { continue }
      close(descriptor)
      guard code == EWOULDBLOCK else { throw FolderLockError(code: code) }
      return nil
    }
    return FolderLock(descriptor: descriptor)
  }

  private init(descriptor: Int32) { self.descriptor = descriptor }

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

/// Why a folder cannot be locked.
public struct FolderLockError: Error, Sendable, CustomStringConvertible {
  /// The number of the system's error.
  public let code: Int32

  public var description: String { "it cannot be locked: " + String(cString: strerror(code)) }
}
