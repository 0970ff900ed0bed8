import CArchive
import Glibc

/// A file to put into an archive.
public struct ArchiveInput: Sendable {
  /// Where the bytes are.
  public enum Content: Sendable {
    /// In memory.
    case bytes([UInt8])
    /// In a file, which must not change meanwhile.
    case file(path: String)
  }

  /// The path in the archive: relative, without `.` and `..`.
  public let path: String
  /// Whether the file is executable (mode 0755, else 0644).
  public let isExecutable: Bool
  /// The bytes.
  public let content: Content

  /// Creates an input.
  public init(path: String, isExecutable: Bool = false, content: Content) {
    self.path = path
    self.isExecutable = isExecutable
    self.content = content
  }
}

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
    let writer = try TarGzWriter(path: temporary, modificationTime: modificationTime)
    for entry in entries.sorted(by: { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }) {
      try writer.add(entry)
    }
    try writer.close()
    guard rename(temporary, path) == 0 else { throw systemError("create", path) }
  } catch {
    unlink(temporary)
    throw error
  }
}

private func checkPaths(_ entries: [ArchiveInput]) throws(ArchiveError) {
  var seen = SeenPaths()
  for entry in entries {
    let path = try EntryPath(entry.path, limit: ArchiveLimits().pathLength)
    try seen.add(path, isDirectory: false)
  }
}

/// An archive being written.
private final class TarGzWriter {
  private let archive: OpaquePointer
  private let modificationTime: Int64

  init(path: String, modificationTime: Int64) throws(ArchiveError) {
    guard let archive = archive_write_new() else { throw .unreadable(reason: "out of memory") }
    self.archive = archive
    self.modificationTime = modificationTime
    // GNU's format takes the bytes of long and non-ASCII paths as they are; libarchive 3.6 converts
    // them by the process's locale for pax, and crashes where it cannot.
    try check(archive_write_set_format_gnutar(archive))
    try check(archive_write_add_filter_gzip(archive))
    try check(archive_write_set_filter_option(archive, "gzip", "compression-level", "9"))
    try check(archive_write_set_filter_option(archive, "gzip", "timestamp", nil))
    try check(archive_write_set_bytes_in_last_block(archive, 1))
    try check(archive_write_open_filename(archive, path))
  }

  deinit { archive_write_free(archive) }

  func close() throws(ArchiveError) { try check(archive_write_close(archive)) }

  func add(_ input: ArchiveInput) throws(ArchiveError) {
    switch input.content {
    case .bytes(let bytes):
      try addHeader(of: input, size: bytes.count)
      try write(bytes, count: bytes.count)
    case .file(let path):
      try addFile(path, of: input)
    }
    try check(archive_write_finish_entry(archive))
  }

  private func addHeader(of input: ArchiveInput, size: Int) throws(ArchiveError) {
    guard let entry = archive_entry_new() else { throw .unreadable(reason: "out of memory") }
    defer { archive_entry_free(entry) }
    archive_entry_set_pathname(entry, input.path)
    archive_entry_set_filetype(entry, S_IFREG)
    archive_entry_set_perm(entry, input.isExecutable ? 0o755 : 0o644)
    archive_entry_set_size(entry, Int64(size))
    archive_entry_set_mtime(entry, time_t(modificationTime), 0)
    archive_entry_set_uid(entry, 0)
    archive_entry_set_gid(entry, 0)
    try check(archive_write_header(archive, entry))
  }

  private func addFile(_ path: String, of input: ArchiveInput) throws(ArchiveError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemError("read", path) }
    defer { Glibc.close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw systemError("read", path) }
    let size = Int(status.st_size)
    try addHeader(of: input, size: size)
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    var left = size
    while left > 0 {
      let count = read(descriptor, &piece, min(piece.count, left))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .unreadable(reason: "\(path) changed while it was read") }
      try write(piece, count: count)
      left -= count
    }
  }

  private func write(_ bytes: [UInt8], count: Int) throws(ArchiveError) {
    let written = bytes.withUnsafeBytes { archive_write_data(archive, $0.baseAddress, count) }
    guard written == count else { throw failure() }
  }

  private func check(_ result: Int32) throws(ArchiveError) {
    guard result == ARCHIVE_OK || result == ARCHIVE_WARN else { throw failure() }
  }

  private func failure() -> ArchiveError {
    let text = archive_error_string(archive).map { String(cString: $0) } ?? "unknown error"
    return .system(action: "write", path: "the archive", code: archive_errno(archive), reason: text)
  }
}
