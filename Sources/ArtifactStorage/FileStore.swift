import Foundation

/// Objects as files under one folder, for one machine or a shared file system.
///
/// The folder is made when the first object is written.
public struct FileStore: ArtifactStore {
  private let layout: FileLayout

  /// - Parameter root: a folder; a relative one is below the current folder.
  public init(root: String) {
    layout = FileLayout(root: URL(filePath: root).standardizedFileURL.path.trimmingSuffix("/"))
  }

  public func begin(_ key: StorageKey) async throws(StorageError) -> any ArtifactWriter {
    try await BlockingPool.run { [layout] () throws(StorageError) in
      try FileWriter(key: key, layout: layout)
    }
  }

  /// A hard link: objects are never changed in place, so that two names can share one file.
  public func copy(from source: StorageKey, to target: StorageKey) async throws(StorageError) {
    try await BlockingPool.run { [layout] () throws(StorageError) in
      let temporary = try layout.newTemporaryPath()
      guard link(layout.path(source), temporary) == 0 else {
        throw .posix("copy", source.text, key: source)
      }
      // Where both names are one file already, rename(2) leaves the temporary one.
      defer { unlink(temporary) }
      try layout.publish(temporary, as: target)
    }
  }

  public func read(_ key: StorageKey, range: Range<Int64>?)
    async throws(StorageError) -> StoredObject
  {
    let (file, size) = try await BlockingPool.run { [layout] () throws(StorageError) in
      let file = try OpenFile(reading: layout.path(key), key: key)
      guard let size = try file.size() else { throw .notFound(key) }
      return (file, size)
    }
    let wanted = range ?? 0..<size
    guard wanted.lowerBound >= 0, wanted.lowerBound < size || range == nil else {
      throw .badRange(key, size: size)
    }
    let cut = wanted.lowerBound..<min(wanted.upperBound, size)
    let reader = FileReader(file: file, range: cut)
    return StoredObject(
      size: size, range: cut,
      bytes: StoredBytes { () async throws(StorageError) in try await reader.next() })
  }

  public func head(_ key: StorageKey) async throws(StorageError) -> Int64? {
    try await BlockingPool.run { [layout] () throws(StorageError) in
      var status = stat()
      if stat(layout.path(key), &status) == 0 {
        return status.st_mode & S_IFMT == S_IFREG ? Int64(status.st_size) : nil
      }
      guard errno == ENOENT || errno == ENOTDIR else { throw .posix("examine", key.text) }
      return nil
    }
  }

  public func delete(_ key: StorageKey) async throws(StorageError) {
    try await BlockingPool.run { [layout] () throws(StorageError) in
      if unlink(layout.path(key)) == 0 { return layout.prune(above: key) }
      guard [ENOENT, ENOTDIR, EISDIR].contains(errno) else { throw .posix("delete", key.text) }
    }
  }

  public func list(prefix: String, after start: StorageKey?, limit: Int)
    async throws(StorageError) -> [StoredEntry]
  {
    try await BlockingPool.run { [layout] () throws(StorageError) in
      var walk = FileWalk(layout: layout, prefix: prefix, start: start?.text, limit: limit)
      try walk.visit(folder: "")
      return walk.found
    }
  }

  /// Removes what writers that died have left: unfinished files older than an age in seconds.
  /// - Returns: how many.
  @discardableResult
  public func sweepPartials(olderThan age: Int64) async -> Int {
    let time = Int64(Date().timeIntervalSince1970) - age
    let count = try? await BlockingPool.run { [layout] in layout.removePartials(before: time) }
    return count ?? 0
  }
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}
