import Foundation

/// A file descriptor that closes itself. Its functions block.
///
/// Positioned reads and appending writes carry no state of their own, so that it may be shared.
final class OpenFile: Sendable {
  let descriptor: Int32
  /// What errors call the file.
  let name: String

  private init(path: String, flags: Int32, name: String, key: StorageKey?) throws(StorageError) {
    let descriptor = open(path, flags | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .posix("open", name, key: key) }
    self.descriptor = descriptor
    self.name = name
  }

  /// Opens a file to read it. A missing one is ``StorageError/notFound(_:)`` where it has a key.
  convenience init(reading path: String, key: StorageKey?) throws(StorageError) {
    try self.init(path: path, flags: O_RDONLY, name: key?.text ?? path, key: key)
  }

  /// Makes a new file to write it.
  convenience init(creating path: String, for key: StorageKey) throws(StorageError) {
    try self.init(path: path, flags: O_WRONLY | O_CREAT | O_EXCL, name: key.text, key: key)
  }

  deinit { close(descriptor) }

  /// The size in bytes; nil where this is no regular file.
  func size() throws(StorageError) -> Int64? {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .posix("examine", name) }
    return status.st_mode & S_IFMT == S_IFREG ? Int64(status.st_size) : nil
  }

  /// At most `count` bytes from a position; none at the end of the file.
  func read(at offset: Int64, count: Int) throws(StorageError) -> [UInt8] {
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, length in
      var got = 0
      repeat {
        got = pread(descriptor, buffer.baseAddress, count, Int(offset))
      } while got < 0
        && errno == EINTR
      if got < 0 { failure = errno }
      length = max(got, 0)
    }
    guard failure == 0 else { throw .posix("read", name, errno: failure) }
    return bytes
  }

  /// Appends bytes.
  func write(_ bytes: [UInt8], for key: StorageKey) throws(StorageError) {
    var offset = 0
    while offset < bytes.count {
      let written = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress?.advanced(by: offset), bytes.count - offset)
      }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw .posix("write", name, key: key) }
      offset += written
    }
  }

  /// Waits until the bytes are on the disk.
  func sync(for key: StorageKey) throws(StorageError) {
    guard fsync(descriptor) == 0 else { throw .posix("sync", name, key: key) }
  }
}

extension StorageError {
  /// The error of a system call that has just failed.
  ///
  /// A full disk and, where the key of the object is given, a missing file have cases of their own.
  static func posix(
    _ operation: String, _ name: String, key: StorageKey? = nil, errno code: Int32 = errno
  ) -> StorageError {
    switch (code, key) {
    case (ENOENT, let key?): .notFound(key)
    case (ENOSPC, let key?), (EDQUOT, let key?): .full(key)
    default: .failed(operation: operation, name: name, reason: String(cString: strerror(code)))
    }
  }
}
