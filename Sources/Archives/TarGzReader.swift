import CArchive
import Glibc

/// Reads the entries of a gzip-compressed tar one after the other and enforces the limits.
///
/// Not `Sendable`; the calls block.
final class TarGzReader {
  private let archive: OpaquePointer
  private let limits: ArchiveLimits
  private let compressedSize: Int
  /// The archive's bytes, when it is read from memory: libarchive keeps a pointer to them.
  private let memory: UnsafeMutableRawBufferPointer?
  private let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
  private var seen = SeenPaths()
  private var entries = 0
  /// Bytes of content so far: what was read, and what headers announced of the rest.
  private var unpacked = 0
  /// What is left of the current entry's announced bytes, which `unpacked` counts already.
  private var announced = 0

  init(_ source: ArchiveSource, limits: ArchiveLimits) throws(ArchiveError) {
    guard let archive = archive_read_new() else { throw .unreadable(reason: "out of memory") }
    self.archive = archive
    self.limits = limits
    archive_read_support_filter_gzip(archive)
    archive_read_support_format_tar(archive)
    switch source {
    case .file(let path):
      memory = nil
      compressedSize = fileSize(path)
      guard archive_read_open_filename(archive, path, 64 << 10) == ARCHIVE_OK else { break }
      return
    case .bytes(let bytes):
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
      copy.copyBytes(from: bytes)
      memory = copy
      compressedSize = bytes.count
      guard archive_read_open_memory(archive, copy.baseAddress, copy.count) == ARCHIVE_OK else {
        break
      }
      return
    }
    throw failure()
  }

  deinit {
    archive_read_free(archive)
    memory?.deallocate()
    piece.deallocate()
  }

  /// Goes to the next entry; nil at the end.
  func next() throws(ArchiveError) -> ArchiveEntry? {
    var header: OpaquePointer?
    let result = archive_read_next_header(archive, &header)
    if result == ARCHIVE_EOF { return nil }
    guard result == ARCHIVE_OK || result == ARCHIVE_WARN, let header else { throw failure() }
    // One gzip around the tar, which libarchive counts as two filters, and nothing else.
    guard archive_filter_count(archive) == 2, archive_filter_code(archive, 0) == gzipFilter else {
      throw .notTarGz
    }
    return try check(header)
  }

  /// The next bytes of the entry's content; nil at its end. They are valid until the next call.
  func readPiece(of entry: ArchiveEntry) throws(ArchiveError) -> UnsafeRawBufferPointer? {
    var count: Int
    repeat {
      count = archive_read_data(archive, piece.baseAddress, piece.count)
    } while count == Int(ARCHIVE_RETRY)
    guard count >= 0 else { throw failure() }
    guard count > 0 else { return nil }
    try add(max(0, count - announced), at: entry.path)
    announced = max(0, announced - count)
    return UnsafeRawBufferPointer(rebasing: piece[..<count])
  }

  private func check(_ header: OpaquePointer) throws(ArchiveError) -> ArchiveEntry {
    entries += 1
    guard entries <= limits.entries else { throw .tooManyEntries(limit: limits.entries) }
    let name = try pathname(of: header)
    let path = try EntryPath(name, limit: limits.pathLength)
    let isDirectory = try isDirectory(header, name: name)
    try seen.add(path, isDirectory: isDirectory)
    let size = isDirectory ? 0 : Int(archive_entry_size(header))
    guard size >= 0 else { throw .unreadable(reason: "an entry of negative size") }
    announced = 0
    try add(size, at: name)
    announced = size
    let mode = archive_entry_perm(header)
    return ArchiveEntry(
      path: path.text, isDirectory: isDirectory, isExecutable: mode & 0o111 != 0, size: size)
  }

  private func pathname(of header: OpaquePointer) throws(ArchiveError) -> String {
    // The first needs a name that the archive declares to be UTF-8, the second gives raw bytes.
    guard let raw = archive_entry_pathname_utf8(header) ?? archive_entry_pathname(header) else {
      throw .unsafePath(entry: "?", reason: "the path is missing or not in UTF-8")
    }
    guard let name = String(validatingCString: raw), !name.isEmpty else {
      throw .unsafePath(entry: String(cString: raw), reason: "the path is empty or not in UTF-8")
    }
    return name
  }

  private func isDirectory(_ header: OpaquePointer, name: String) throws(ArchiveError) -> Bool {
    if archive_entry_hardlink(header) != nil {
      throw .forbiddenKind(entry: name, kind: "hard link")
    }
    switch archive_entry_filetype(header) & S_IFMT {
    case S_IFREG: return false
    case S_IFDIR: return true
    case S_IFLNK: throw .forbiddenKind(entry: name, kind: "symbolic link")
    case S_IFCHR, S_IFBLK: throw .forbiddenKind(entry: name, kind: "device")
    case S_IFIFO: throw .forbiddenKind(entry: name, kind: "named pipe")
    default: throw .forbiddenKind(entry: name, kind: "special file")
    }
  }

  /// Counts content. Both limits hold for what a header announces, before any of it is read.
  private func add(_ size: Int, at entry: String) throws(ArchiveError) {
    guard size <= limits.unpackedSize - unpacked else {
      throw .tooLarge(entry: entry, limit: limits.unpackedSize)
    }
    unpacked += size
    guard unpacked <= limits.ratioApplies || unpacked / limits.ratio < max(1, compressedSize) else {
      throw .bomb(entry: entry, ratio: limits.ratio)
    }
  }

  private func failure() -> ArchiveError {
    let text = archive_error_string(archive).map { String(cString: $0) } ?? "unknown error"
    return text == "Unrecognized archive format" ? .notTarGz : .unreadable(reason: text)
  }
}

private let gzipFilter: Int32 = 1  // ARCHIVE_FILTER_GZIP

private func fileSize(_ path: String) -> Int {
  var status = stat()
  return stat(path, &status) == 0 ? Int(status.st_size) : 0
}

/// Reads a gzip-compressed tar and passes on its files and folders in their order.
///
/// Refused with an error that names the entry: links, devices and pipes, paths that are absolute,
/// have `..` or occur twice, and what is over the limits. Nothing is written. Blocks on the disk.
public func readTarGz(
  from source: ArchiveSource, limits: ArchiveLimits = .init(),
  handle: (ArchiveEntry, ArchiveContent) throws(ArchiveError) -> Void
) throws(ArchiveError) {
  let reader = try TarGzReader(source, limits: limits)
  while let entry = try reader.next() {
    try handle(entry, ArchiveContent(reader: reader, entry: entry))
  }
}
