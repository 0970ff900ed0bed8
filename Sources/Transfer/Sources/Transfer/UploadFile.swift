import Glibc

/// A file that is a request's body. Used on the curl thread only.
final class UploadFile {
  let path: String
  let size: Int
  private let descriptor: Int32
  private var position = 0

  /// Opens the file; nil when it cannot be opened or is no regular file (see `errno`).
  init?(path: String) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      errno = EINVAL
      return nil
    }
    size = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Reads the next bytes; 0 at the announced size, nil when the file cannot be read so far.
  func read(into buffer: UnsafeMutableRawPointer, count: Int) -> Int? {
    let wanted = min(count, size - position)
    guard wanted > 0 else { return 0 }
    var got: Int
    repeat {
      got = pread(descriptor, buffer, wanted, off_t(position))
    } while got < 0 && errno == EINTR
    guard got > 0 else { return nil }
    position += got
    return got
  }

  /// Goes to a position, when libcurl has to send the body again.
  func seek(to offset: Int) -> Bool {
    guard (0...size).contains(offset) else { return false }
    position = offset
    return true
  }
}
