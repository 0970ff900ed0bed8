import Glibc

/// What tells, without reading it, that a file was changed or replaced (stat(2)).
public struct FileStamp: Sendable, Equatable {
  private let size: Int64
  private let inode: UInt64
  private let modifiedSeconds: Int64
  private let modifiedNanoseconds: Int64

  /// Follows links; nil: the path names nothing that can be looked at. Blocks on the disk.
  public init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    size = Int64(status.st_size)
    inode = UInt64(status.st_ino)
    modifiedSeconds = Int64(status.st_mtim.tv_sec)
    modifiedNanoseconds = Int64(status.st_mtim.tv_nsec)
  }
}
