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
