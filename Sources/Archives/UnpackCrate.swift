import Glibc

/// What `unpackCrate` did.
public struct UnpackSummary: Sendable, Equatable {
  /// The number of files written.
  public internal(set) var files = 0
  /// Their size in bytes together.
  public internal(set) var bytes = 0
  /// Entries that were left out since Cargo would take them for its own notes.
  public internal(set) var discarded: [String] = []
}

/// Unpacks a `.crate` so that `directory` is the crate's folder, all of it or nothing.
///
/// Every entry must be in `expectedRoot/` (`name-version`), which is left out of the paths written.
/// Files get the mode 0644, or 0755 where they are executable. Cargo's own notes at the root,
/// `.cargo-ok` and `.cargo-checksum.json`, are left out. `directory` must not exist, its parent
/// must. Files and folders get the time ``unpackedTime``, so that a build sees the same times
/// whenever it runs. The work is done in a folder beside it (`.NAME.unpacking-…`). Blocks on the disk.
public func unpackCrate(
  archive: String, expectedRoot: String, into directory: String, limits: ArchiveLimits = .init()
) throws(ArchiveError) -> UnpackSummary {
  let temporary = try temporarySibling(of: directory)
  do throws(ArchiveError) {
    try makeFolder(temporary)
    var writer = TreeWriter(root: temporary, expectedRoot: expectedRoot)
    try readTarGz(from: .file(path: archive), limits: limits) {
      (entry, content) throws(ArchiveError) in
      try writer.write(entry, content)
    }
    if writer.isEmpty { throw ArchiveError.empty }
    try writer.finish()
    try publish(temporary, as: directory)
    return writer.summary
  } catch {
    removeTree(temporary)
    throw error
  }
}

private func publish(_ temporary: String, as directory: String) throws(ArchiveError) {
  guard access(directory, F_OK) != 0 else { throw .exists(path: directory) }
  guard rename(temporary, directory) == 0 else {
    if errno == EEXIST || errno == ENOTEMPTY { throw .exists(path: directory) }
    throw systemError("create", directory)
  }
}

/// Writes entries below a folder that nobody else writes to.
struct TreeWriter {
  let root: String
  let expectedRoot: String
  private(set) var summary = UnpackSummary()
  private(set) var isEmpty = true
  private var made: Set<String> = []

  init(root: String, expectedRoot: String) {
    self.root = root
    self.expectedRoot = expectedRoot
  }

  mutating func write(_ entry: ArchiveEntry, _ content: ArchiveContent) throws(ArchiveError) {
    isEmpty = false
    guard let relative = try entry.path(relativeTo: expectedRoot) else { return }
    if relative == ".cargo-ok" || relative == ".cargo-checksum.json" {
      return summary.discarded.append(entry.path)
    }
    let parts = relative.split(separator: "/")
    try makeFolders(parts.dropLast(entry.isDirectory ? 0 : 1))
    if !entry.isDirectory { try writeFile(relative, entry, content) }
  }

  /// Gives every folder its time, once nothing more is put into it.
  func finish() throws(ArchiveError) {
    for folder in made { try setUnpackedTime(root + folder) }
    try setUnpackedTime(root)
  }

  private mutating func makeFolders(_ parts: ArraySlice<Substring>) throws(ArchiveError) {
    var path = ""
    for part in parts {
      path += "/" + part
      guard made.insert(path).inserted else { continue }
      try makeFolder(root + path)
    }
  }

  private mutating func writeFile(
    _ relative: String, _ entry: ArchiveEntry, _ content: ArchiveContent
  ) throws(ArchiveError) {
    let path = root + "/" + relative
    let file = try OutputFile(path: path, mode: entry.isExecutable ? 0o755 : 0o644)
    var size = 0
    try content.forEachPiece { (piece) throws(ArchiveError) in
      try file.write(piece)
      size += piece.count
    }
    try file.close()
    summary.files += 1
    summary.bytes += size
  }
}
