import Foundation

/// Visits the objects of a ``FileStore`` in the order of their keys, as S3 lists. It blocks.
struct FileWalk {
  let layout: FileLayout
  let prefix: String
  /// Only keys after this one are found.
  let start: String?
  let limit: Int
  private(set) var found: [StoredEntry] = []

  init(layout: FileLayout, prefix: String, start: String?, limit: Int) {
    self.layout = layout
    self.prefix = prefix
    self.start = start
    self.limit = limit
  }

  /// - Parameter folder: empty, or a path below the root that ends in `/`.
  mutating func visit(folder: String) throws(StorageError) {
    for name in try names(in: folder) where found.count < limit {
      if name.hasSuffix("/") {
        if canHold(folder + name) { try visit(folder: folder + name) }
      } else if let entry = entry(folder + name) {
        found.append(entry)
      }
    }
  }

  /// Whether a wanted key can begin with the path of a folder.
  private func canHold(_ folder: String) -> Bool {
    guard folder.hasPrefix(prefix) || prefix.hasPrefix(folder) else { return false }
    guard let start, !start.hasPrefix(folder) else { return true }
    return start.utf8.lexicographicallyPrecedes(folder.utf8)
  }

  private func entry(_ path: String) -> StoredEntry? {
    guard path.hasPrefix(prefix), let key = try? StorageKey(path) else { return nil }
    if let start, !start.utf8.lexicographicallyPrecedes(path.utf8) { return nil }
    var status = stat()
    // It may have been deleted since the folder was read.
    guard stat(layout.path(key), &status) == 0 else { return nil }
    return StoredEntry(
      key: key, size: Int64(status.st_size), modified: Int64(status.st_mtim.tv_sec))
  }

  /// The names of a folder by bytes, those of folders with a `/` at the end: the order of the keys.
  private func names(in folder: String) throws(StorageError) -> [String] {
    guard let stream = opendir("\(layout.root)/\(folder)") else {
      if errno == ENOENT { return [] }
      throw .posix("list", folder)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard !name.hasPrefix(".") else { continue }
      names.append(isFolder(entry.pointee, folder + name) ? name + "/" : name)
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private func isFolder(_ entry: dirent, _ path: String) -> Bool {
    if Int(entry.d_type) != Int(DT_UNKNOWN) { return Int(entry.d_type) == Int(DT_DIR) }
    var status = stat()
    return stat("\(layout.root)/\(path)", &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
