import CArchive
import Foundation

/// A file being written, which did not exist before.
final class OutputFile {
  private let path: String
  private var descriptor: Int32

  /// Makes the file with exactly this mode; the umask does not count.
  init(path: String, mode: mode_t) throws(ArchiveError) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
    guard descriptor >= 0, fchmod(descriptor, mode) == 0 else { throw systemError("create", path) }
  }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

  func write(_ bytes: UnsafeRawBufferPointer) throws(ArchiveError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest)
      let count = Glibc.write(descriptor, piece.baseAddress, piece.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw systemError("write", path) }
      rest = rest.dropFirst(count)
    }
  }

  func close() throws(ArchiveError) {
    let times = [timespec](repeating: timespec(tv_sec: time_t(unpackedTime), tv_nsec: 0), count: 2)
    guard futimens(descriptor, times) == 0 else { throw systemError("set the time of", path) }
    let result = Glibc.close(descriptor)
    descriptor = -1
    guard result == 0 else { throw systemError("write", path) }
  }
}

/// The modification time of everything unpacked, in seconds since 1970: what `cargo package` gives to
/// the entries of a `.crate`. Build scripts and macros that look at times, and Cargo itself, then find
/// the same at every build.
public let unpackedTime: Int64 = 1_153_704_088

func setUnpackedTime(_ path: String) throws(ArchiveError) {
  let times = [timespec](repeating: timespec(tv_sec: time_t(unpackedTime), tv_nsec: 0), count: 2)
  guard utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0 else {
    throw systemError("set the time of", path)
  }
}

/// Makes a folder with the mode 0755; the umask does not count.
func makeFolder(_ path: String) throws(ArchiveError) {
  guard mkdir(path, 0o755) == 0, chmod(path, 0o755) == 0 else { throw systemError("create", path) }
}

/// The error of the system call that has just failed.
func systemError(_ action: String, _ path: String) -> ArchiveError {
  let code = errno
  return .system(action: action, path: path, code: code, reason: String(cString: strerror(code)))
}

/// A new name beside a path, on the same file system, so that a rename can publish it.
func temporarySibling(of path: String) throws(ArchiveError) -> String {
  let end = path.lastIndex { $0 != "/" } ?? path.startIndex
  let start = path[..<end].lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
  let name = path.isEmpty ? "" : path[start...end]
  guard !["", ".", "..", "/"].contains(name) else {
    throw .unsafePath(entry: path, reason: "this is no name for something new")
  }
  let parent = path[..<start]
  return "\(parent).\(name).unpacking-\(getpid())-\(UInt32.random(in: 0 ... .max))"
}

/// Removes a folder and all in it, as far as it goes.
func removeTree(_ path: String) {
  try? FileManager.default.removeItem(atPath: path)
}

/// All bytes of a file.
func wholeFile(_ path: String) throws(ArchiveError) -> [UInt8] {
  guard let data = FileManager.default.contents(atPath: path) else {
    throw systemError("read", path)
  }
  return [UInt8](data)
}
