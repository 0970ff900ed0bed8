import Foundation

/// What tells that a directory's recipes were edited, without reading them.
struct DirectorySignature: Sendable, Equatable {
  private struct File: Sendable, Equatable {
    var path: String
    var size: Int64
    var inode: UInt64
    /// Nanoseconds since 1970.
    var modified: Int64
  }
  private let files: [File]

  /// Looks at the files of directories, not of those inside them. Blocks on the disk; what cannot be
  /// looked at counts as absent.
  init(of directories: [String]) {
    files = directories.flatMap { directory in
      let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
      return names.sorted().compactMap { name -> File? in
        guard name.hasSuffix(".yaml"), !name.hasPrefix(".") else { return nil }
        var status = stat()
        let path = "\(directory)/\(name)"
        guard stat(path, &status) == 0 else { return nil }
        let time = status.st_mtim
        return File(
          path: path, size: Int64(status.st_size), inode: UInt64(status.st_ino),
          modified: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
      }
    }
  }
}
