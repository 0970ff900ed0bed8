import Glibc

/// What tells that a file was written anew, without reading it.
public struct FileStamp: Sendable, Equatable {
  /// In bytes.
  public let size: Int64
  public let inode: UInt64
  /// Nanoseconds since 1970.
  public let modified: Int64

  /// Looks at the file, of a symbolic link at the one that it names; nil where it is not there or may not
  /// be looked at. Blocks on the disk.
  public init?(of path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    size = Int64(status.st_size)
    inode = UInt64(status.st_ino)
    modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
  }
}
