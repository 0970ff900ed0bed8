import Glibc

/// How much room folders take, whatever a hostile build puts into them.
///
/// Every folder is opened below the one that holds it and without following links: a name that turns
/// into a link while it is looked at leads nowhere, and no path is too long.
public struct DiskUsage {
  /// Folders nested deeper than this are a trick to hide files; they count as more than any limit.
  static let deepest = 200
  /// An entry takes a place in its file system's tables, however empty it is.
  static let entry: Int64 = 4096

  private var bytes: Int64 = 0
  private var linked: Set<ino_t> = []
  private var isTooDeep = false

  /// The bytes of disk under some folders of one file system, hard links once (Cargo makes many);
  /// `Int64.max` where folders are nested too deeply to be looked at.
  ///
  /// Links are not followed, not even where a given folder is one; what disappears meanwhile counts
  /// as nothing. Blocks.
  public static func bytes(under folders: [String]) -> Int64 {
    var usage = DiskUsage()
    for folder in folders { usage.add(AT_FDCWD, folder, depth: 0) }
    return usage.isTooDeep ? .max : usage.bytes
  }

  private mutating func add(_ parent: Int32, _ name: String, depth: Int) {
    guard depth <= Self.deepest else {
      isTooDeep = true
      return
    }
    let folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard folder >= 0 else { return }
    guard let stream = fdopendir(folder) else {
      close(folder)
      return
    }
    defer { closedir(stream) }
    while !isTooDeep, let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      var status = stat()
      guard name != ".", name != "..",
        fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0
      else { continue }
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      if !isFolder, status.st_nlink > 1, !linked.insert(status.st_ino).inserted { continue }
      bytes += max(Self.entry, Int64(status.st_blocks) * 512)
      if isFolder { add(folder, name, depth: depth + 1) }
    }
  }
}
