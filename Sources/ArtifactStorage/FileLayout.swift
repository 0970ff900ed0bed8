import Cryptography
import Foundation

/// Where a ``FileStore`` keeps what, and how names appear and vanish. Its functions block.
///
/// Objects are at `<root>/<key>`, unfinished ones in `<root>/.partial`: on the same file system, for
/// rename(2), and under a name that no key can have.
struct FileLayout: Sendable {
  let root: String

  private var partials: String { root + "/.partial" }

  func path(_ key: StorageKey) -> String { "\(root)/\(key.text)" }

  /// A name that nothing has yet, in a folder that exists.
  func newTemporaryPath() throws(StorageError) -> String {
    try makeFolder(partials)
    return "\(partials)/\(Random.token(bytes: 16))"
  }

  /// Renames a complete file to its object's name, durably.
  ///
  /// A folder may be removed by ``prune(above:)`` between its making and the rename: then both are
  /// done again.
  func publish(_ temporary: String, as key: StorageKey) throws(StorageError) {
    let target = path(key)
    let folder = parent(of: target)
    for _ in 0..<100 {
      try makeFolder(folder)
      if rename(temporary, target) == 0 { return try syncFolder(folder) }
      guard errno == ENOENT, access(temporary, F_OK) == 0 else { break }
    }
    throw .failed(
      operation: "store", name: key.text, reason: String(cString: strerror(errno)))
  }

  /// Removes the folders above an object that have become empty.
  func prune(above key: StorageKey) {
    var folder = parent(of: path(key))
    while folder.utf8.count > root.utf8.count, rmdir(folder) == 0 { folder = parent(of: folder) }
  }

  /// Removes unfinished files that were last written before a time, in seconds since 1970.
  /// - Returns: how many.
  func removePartials(before time: Int64) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: partials)) ?? []
    return names.count { name in
      var status = stat()
      let path = "\(partials)/\(name)"
      return stat(path, &status) == 0 && Int64(status.st_mtim.tv_sec) < time && unlink(path) == 0
    }
  }

  private func parent(of path: String) -> String {
    String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }

  /// Makes a folder with those above it; each new name is synced into the folder that holds it.
  private func makeFolder(_ path: String) throws(StorageError) {
    if mkdir(path, 0o755) == 0 { return try syncFolder(parent(of: path)) }
    switch errno {
    case EEXIST: return
    case ENOENT where path.contains("/"):
      try makeFolder(parent(of: path))
      // Another process may have been faster.
      guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw .posix("make", path) }
      try syncFolder(parent(of: path))
    default: throw .posix("make", path)
    }
  }

  private func syncFolder(_ path: String) throws(StorageError) {
    let descriptor = open(path.isEmpty ? "/" : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    // Pruned in the meantime: then there is no name left to keep.
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .posix("sync", path) }
  }
}
