import CArchive
import Glibc

/// A file being written by libarchive, with nothing in it that differs from one run to the next.
///
/// Not `Sendable`; the calls block.
final class ArchiveWriter {
  /// What is written.
  enum Format {
    /// A tar archive.
    case tar(Compression)
    /// An `ar` archive with plain names, as deb(5) asks for.
    case ar
    /// No archive: one entry's bytes alone.
    case bytes(Compression)
  }

  /// libarchive's own words for how the whole file is compressed.
  enum Compression { case gzip, xz }

  private let archive: OpaquePointer
  private let modificationTime: Int64
  private let ownerName: String?

  /// - Parameter ownerName: the name of user and group 0; nil: entries have their numbers alone.
  init(
    _ format: Format, path: String, modificationTime: Int64, ownerName: String? = nil
  ) throws(ArchiveError) {
    guard let archive = archive_write_new() else { throw .unreadable(reason: "out of memory") }
    self.archive = archive
    self.modificationTime = modificationTime
    self.ownerName = ownerName
    try set(format)
    try check(archive_write_set_bytes_in_last_block(archive, 1))
    try check(archive_write_open_filename(archive, path))
  }

  deinit { archive_write_free(archive) }

  private func set(_ format: Format) throws(ArchiveError) {
    switch format {
    case .tar(let compression):
      // GNU's format takes the bytes of long and non-ASCII paths as they are; libarchive 3.6 converts
      // them by the process's locale for pax, and crashes where it cannot.
      try check(archive_write_set_format_gnutar(archive))
      try set(compression)
    case .ar: try check(archive_write_set_format_ar_bsd(archive))
    case .bytes(let compression):
      try check(archive_write_set_format_raw(archive))
      try set(compression)
    }
  }

  private func set(_ compression: Compression) throws(ArchiveError) {
    switch compression {
    case .gzip:
      try check(archive_write_add_filter_gzip(archive))
      try check(archive_write_set_filter_option(archive, "gzip", "compression-level", "9"))
      try check(archive_write_set_filter_option(archive, "gzip", "timestamp", nil))
    case .xz:
      try check(archive_write_add_filter_xz(archive))
      // More than one thread cuts the file into blocks by the number of processors. Level 3 takes
      // half the time of 6 and gives a file that is some percent larger.
      try check(archive_write_set_filter_option(archive, "xz", "threads", "1"))
      try check(archive_write_set_filter_option(archive, "xz", "compression-level", "3"))
    }
  }

  func close() throws(ArchiveError) { try check(archive_write_close(archive)) }

  /// Adds a folder of mode 0755.
  func addFolder(_ path: String) throws(ArchiveError) {
    try addHeader(path, type: S_IFDIR, mode: 0o755, size: 0)
    try check(archive_write_finish_entry(archive))
  }

  /// Adds a file under a path, which the caller has checked.
  func add(_ input: ArchiveInput, as path: String) throws(ArchiveError) {
    let mode: mode_t = input.isExecutable ? 0o755 : 0o644
    switch input.content {
    case .bytes(let bytes):
      try addHeader(path, type: S_IFREG, mode: mode, size: bytes.count)
      try write(bytes, count: bytes.count)
    case .file(let file):
      try addFile(file, as: path, mode: mode)
    }
    try check(archive_write_finish_entry(archive))
  }

  private func addHeader(
    _ path: String, type: mode_t, mode: mode_t, size: Int
  ) throws(ArchiveError) {
    guard let entry = archive_entry_new() else { throw .unreadable(reason: "out of memory") }
    defer { archive_entry_free(entry) }
    archive_entry_set_pathname(entry, path)
    archive_entry_set_filetype(entry, type)
    archive_entry_set_perm(entry, mode)
    archive_entry_set_size(entry, Int64(size))
    archive_entry_set_mtime(entry, time_t(modificationTime), 0)
    archive_entry_set_uid(entry, 0)
    archive_entry_set_gid(entry, 0)
    if let ownerName {
      archive_entry_set_uname(entry, ownerName)
      archive_entry_set_gname(entry, ownerName)
    }
    try check(archive_write_header(archive, entry))
  }

  private func addFile(_ file: String, as path: String, mode: mode_t) throws(ArchiveError) {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemError("read", file) }
    defer { Glibc.close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw systemError("read", file) }
    try addHeader(path, type: S_IFREG, mode: mode, size: Int(status.st_size))
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    var left = Int(status.st_size)
    while left > 0 {
      let count = read(descriptor, &piece, min(piece.count, left))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .unreadable(reason: "\(file) changed while it was read") }
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
