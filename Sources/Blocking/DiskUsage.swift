import Glibc

/// How much room folders take.
public struct DiskUsage {
  /// Bytes of disk so far: blocks, not lengths.
  private var bytes: Int64 = 0
  private var linked: Set<ino_t> = []

  /// The bytes of disk under some folders of one file system, hard links once (Cargo makes many).
  ///
  /// Links are not followed; what disappears meanwhile counts as nothing. Blocks.
  public static func bytes(under folders: [String]) -> Int64 {
    var usage = DiskUsage()
    var waiting = folders
    while let folder = waiting.popLast() { waiting += usage.add(folder) }
    return usage.bytes
  }

  /// Adds what is directly in a folder, and returns the folders in it.
  private mutating func add(_ folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var folders: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      var status = stat()
      guard name != ".", name != "..",
        fstatat(dirfd(stream), name, &status, AT_SYMLINK_NOFOLLOW) == 0
      else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        folders.append("\(folder)/\(name)")
      } else if status.st_nlink > 1, !linked.insert(status.st_ino).inserted {
        continue
      }
      bytes += Int64(status.st_blocks) * 512
    }
    return folders
  }
}
