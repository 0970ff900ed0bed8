import Glibc

/// How much room folders take, whatever a hostile build puts into them.
///
/// Every folder is opened below the one that holds it and without following links: a name that turns
/// into a link while it is looked at leads nowhere, and no path is too long.
public struct DiskUsage {
  /// Folders nested deeper than this are a trick to hide files; they count as more than any limit.
  static let deepest = 200
  /// Files, folders and links that one look takes in: ten times what the largest builds have. More are a
  /// trick to make looking slow.
  public static let mostEntries = 1 << 20
  /// An entry takes a place in its file system's tables, however empty it is, and time to look at.
  static let entry: Int64 = 4096

  private var bytes: Int64 = 0
  private var linked: Set<ino_t> = []
  private var left: Int
  /// Whether something could not be looked at.
  private var isBeyond = false

  /// The bytes of disk under some folders of one file system, the bytes of hard links once (Cargo makes
  /// many); `Int64.max` where they cannot be looked at whole: more entries than the given number, folders
  /// nested too deeply, or folders that are closed and not this user's.
  ///
  /// A folder whose owner has closed it is opened. Links are not followed, not even where a given folder
  /// is one; what disappears meanwhile counts as nothing. Blocks.
  public static func bytes(under folders: [String], entries: Int = mostEntries) -> Int64 {
    var usage = DiskUsage(left: entries)
    for folder in folders { usage.add(AT_FDCWD, folder, depth: 0) }
    return usage.isBeyond ? .max : usage.bytes
  }

  private init(left: Int) { self.left = left }

  private mutating func add(_ parent: Int32, _ name: String, depth: Int) {
    guard depth <= Self.deepest else {
      isBeyond = true
      return
    }
    guard let stream = open(parent, name) else { return }
    defer { closedir(stream) }
    let folder = dirfd(stream)
    while !isBeyond, let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      guard name != ".", name != ".." else { continue }
      left -= 1
      isBeyond = left < 0
      guard let status = status(of: name, in: folder) else { continue }
      bytes += Self.entry
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      if !isFolder, status.st_nlink > 1, !linked.insert(status.st_ino).inserted { continue }
      bytes += max(0, Int64(status.st_blocks) * 512 - Self.entry)
      if isFolder { add(folder, name, depth: depth + 1) }
    }
  }

  /// A folder can be such that its names are told but nothing of them.
  private mutating func status(of name: String, in folder: Int32) -> stat? {
    var status = stat()
    if fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { return status }
    guard errno == EACCES else { return nil }
    if fchmod(folder, 0o700) == 0, fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 {
      return status
    }
    isBeyond = true
    return nil
  }

  /// Opens a folder, if need be by giving its owner the rights that only root can do without.
  private mutating func open(_ parent: Int32, _ name: String) -> OpaquePointer? {
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    var folder = openat(parent, name, flags)
    if folder < 0, errno == EACCES, fchmodat(parent, name, 0o700, AT_SYMLINK_NOFOLLOW) == 0 {
      folder = openat(parent, name, flags)
    }
    guard folder >= 0 else {
      // What is not there, or a link, is nothing to look at.
      isBeyond = isBeyond || ![ENOENT, ENOTDIR, ELOOP].contains(errno)
      return nil
    }
    guard let stream = fdopendir(folder) else {
      close(folder)
      isBeyond = true
      return nil
    }
    return stream
  }
}
