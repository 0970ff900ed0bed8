import Cryptography
import Foundation

extension SigningKey {
  /// Writes the secret key to a new file that only its owner can read (mode 0600).
  ///
  /// The file appears whole or not at all, and never in place of another one: it is written under a
  /// temporary name beside it and then linked, which fails where the name is taken.
  /// Blocks on the disk: call it where blocking is allowed.
  /// - Throws: ``SigningKeyError/exists(path:)`` or ``SigningKeyError/unwritable(path:reason:)``.
  public func write(to path: String) throws(SigningKeyError) {
    let temporary = "\(path).\(Random.token(bytes: 8)).partial"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw unwritable(path) }
    defer { unlink(temporary) }
    let written = writeAll(Array(fileText.utf8), to: descriptor) && fsync(descriptor) == 0
    let failure = errno
    close(descriptor)
    guard written else {
      throw .unwritable(path: path, reason: String(cString: strerror(failure)))
    }
    guard link(temporary, path) == 0 else {
      throw errno == EEXIST ? .exists(path: path) : unwritable(path)
    }
    syncFolder(of: path)
  }

  private func unwritable(_ path: String) -> SigningKeyError {
    .unwritable(path: path, reason: String(cString: strerror(errno)))
  }

  private func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var offset = 0
      while offset < buffer.count {
        let count = Glibc.write(
          descriptor, buffer.baseAddress?.advanced(by: offset), buffer.count - offset)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return false }
        offset += count
      }
      return true
    }
  }

  /// Makes the new name survive a power failure; where a folder cannot be synced, nothing is lost.
  private func syncFolder(of path: String) {
    let folder = URL(filePath: path).deletingLastPathComponent().path
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}
