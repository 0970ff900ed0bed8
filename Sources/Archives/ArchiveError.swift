/// Why an archive is refused or cannot be written. Entries are named as the archive names them.
public enum ArchiveError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file cannot be read, is cut short or is damaged.
  case unreadable(reason: String)
  /// The data is not a tar archive compressed by gzip, once.
  case notTarGz
  /// The archive has no entries.
  case empty
  /// The path is absolute, has `.` or `..` or empty parts, or is no UTF-8.
  case unsafePath(entry: String, reason: String)
  /// The path does not begin with the folder that every entry must be in.
  case outsideRoot(entry: String, root: String)
  /// The entry is a link, a device or something else that is neither a file nor a folder.
  case forbiddenKind(entry: String, kind: String)
  /// The path occurs twice, or as a file and as a folder.
  case duplicate(entry: String)
  /// The path is longer than the limit (bytes).
  case pathTooLong(entry: String, limit: Int)
  /// There are more entries than the limit.
  case tooManyEntries(limit: Int)
  /// The entries are larger than the limit (bytes), together or the one that was read.
  case tooLarge(entry: String, limit: Int)
  /// The content is more than so many times larger than its compressed form.
  case bomb(entry: String, ratio: Int)
  /// What was to be made is there already.
  case exists(path: String)
  /// A system call failed; `code` is its `errno`.
  case system(action: String, path: String, code: Int32, reason: String)

  /// What is wrong and where, in one line.
  public var description: String {
    switch self {
    case .unreadable(let reason): "the archive cannot be read: \(reason)"
    case .notTarGz: "the archive is not a tar compressed by gzip"
    case .empty: "the archive is empty"
    case .unsafePath(let entry, let reason): "entry '\(Self.show(entry))': \(reason)"
    case .outsideRoot(let entry, let root): "entry '\(Self.show(entry))' is not in '\(root)/'"
    case .forbiddenKind(let entry, let kind):
      "entry '\(Self.show(entry))' is a \(kind); only files and folders are allowed"
    case .duplicate(let entry): "entry '\(Self.show(entry))' occurs twice"
    case .pathTooLong(let entry, let limit):
      "entry '\(Self.show(entry))' has a path of more than \(limit) bytes"
    case .tooManyEntries(let limit): "the archive has more than \(limit) entries"
    case .tooLarge(let entry, let limit):
      "entry '\(Self.show(entry))' takes the content over the limit of \(limit) bytes"
    case .bomb(let entry, let ratio):
      "at entry '\(Self.show(entry))' the content is over \(ratio) times larger than the archive"
    case .exists(let path): "\(path) exists already"
    case .system(let action, let path, _, let reason): "cannot \(action) \(path): \(reason)"
    }
  }

  /// Names come from strangers: no control characters, and not more than fits a line.
  private static func show(_ name: String) -> String {
    let visible = name.unicodeScalars.prefix(200).map { scalar in
      scalar.properties.generalCategory == .control ? "\u{FFFD}" : String(scalar)
    }
    return visible.joined() + (name.unicodeScalars.count > 200 ? "…" : "")
  }
}
