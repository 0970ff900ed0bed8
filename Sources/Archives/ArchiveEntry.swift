/// One file or folder of an archive. Anything else is refused while reading.
public struct ArchiveEntry: Sendable, Equatable {
  /// The path as the archive has it: relative, UTF-8, without a slash at the end.
  public let path: String
  /// Whether it is a folder.
  public let isDirectory: Bool
  /// Whether somebody may execute the file.
  public let isExecutable: Bool
  /// The size of the content in bytes, as its header says.
  public let size: Int
}

/// The content of the entry at which a reader stands; of use only until the next entry.
public struct ArchiveContent {
  let reader: TarGzReader
  let entry: ArchiveEntry

  /// Passes the content on in pieces.
  public func forEachPiece(
    _ body: (UnsafeRawBufferPointer) throws(ArchiveError) -> Void
  ) throws(ArchiveError) {
    while let piece = try reader.readPiece(of: entry) { try body(piece) }
  }

  /// The whole content; `tooLarge` when it has more bytes than the limit.
  public func bytes(limit: Int) throws(ArchiveError) -> [UInt8] {
    var bytes: [UInt8] = []
    while let piece = try reader.readPiece(of: entry) {
      guard bytes.count + piece.count <= limit else {
        throw .tooLarge(entry: entry.path, limit: limit)
      }
      bytes += piece
    }
    return bytes
  }
}

/// Where an archive is read from.
public enum ArchiveSource: Sendable {
  /// A file.
  case file(path: String)
  /// Bytes in memory.
  case bytes([UInt8])
}

extension ArchiveEntry {
  /// The path without the folder that every entry must be in; nil for the folder itself.
  ///
  /// Throws `outsideRoot` for an entry elsewhere, or a file in the folder's place.
  public func path(relativeTo root: String) throws(ArchiveError) -> String? {
    if path == root, isDirectory { return nil }
    guard path.hasPrefix(root + "/") else { throw .outsideRoot(entry: path, root: root) }
    return String(path.dropFirst(root.count + 1))
  }
}
