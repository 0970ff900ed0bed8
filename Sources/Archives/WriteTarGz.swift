import Glibc

/// Writes a gzip-compressed tar that depends on nothing but its arguments (and zlib's version).
///
/// The entries are sorted by the bytes of their paths, belong to user and group 0 without names and
/// have all the same time (seconds since 1970); gzip's head carries neither time nor name. The file
/// appears under its name when it is whole, and replaces another. Blocks on the disk.
public func writeReproducibleTarGz(
  entries: [ArchiveInput], to path: String, modificationTime: Int64
) throws(ArchiveError) {
  let temporary = try temporarySibling(of: path)
  do throws(ArchiveError) {
    try checkPaths(entries)
    let writer = try ArchiveWriter(
      .tar(.gzip), path: temporary, modificationTime: modificationTime)
    for entry in entries.sorted(by: pathsPrecede) {
      try writer.add(entry, as: entry.path)
    }
    try writer.close()
    guard rename(temporary, path) == 0 else { throw systemError("create", path) }
  } catch {
    unlink(temporary)
    throw error
  }
}

/// Whether one entry comes before another: by the bytes of their paths.
func pathsPrecede(_ left: ArchiveInput, _ right: ArchiveInput) -> Bool {
  left.path.utf8.lexicographicallyPrecedes(right.path.utf8)
}

/// Refuses paths that are unsafe or occur twice.
func checkPaths(_ entries: [ArchiveInput]) throws(ArchiveError) {
  var seen = SeenPaths()
  for entry in entries {
    let path = try EntryPath(entry.path, limit: ArchiveLimits().pathLength)
    try seen.add(path, isDirectory: false)
  }
}
