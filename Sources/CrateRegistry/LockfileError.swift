/// Why a `Cargo.lock` cannot be built from. Lines count from 1; nil where none can be told.
public enum LockfileError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The package was published without a `Cargo.lock`.
  case missing
  /// The file cannot be read.
  case unreadable(path: String, reason: String)
  /// The file is not UTF-8 text, or has NUL in it.
  case notText
  /// The file is no TOML, from this place on.
  case malformed(line: Int, column: Int, reason: String)
  /// The file is TOML, but not as Cargo writes a lockfile.
  case invalid(reason: String, line: Int?)
  /// The format is newer than what this program knows.
  case newerFormat(version: Int, line: Int?)
  /// A package comes from a git repository, which cannot be had by checksum.
  case gitSource(package: String, source: String, line: Int?)
  /// A package comes from another registry than the farm's.
  case foreignRegistry(package: String, source: String, line: Int?)

  public var description: String {
    switch self {
    case .missing: "the package has no Cargo.lock"
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .notText: "Cargo.lock is not UTF-8 text"
    case .malformed(let line, let column, let reason):
      "Cargo.lock, line \(line), column \(column): \(reason)"
    case .invalid(let reason, let line): Self.place(line) + reason
    case .newerFormat(let version, let line):
      Self.place(line) + "the format \(version) is newer than 4, the newest that is known"
    case .gitSource(let package, let source, let line):
      Self.place(line) + "\(package) comes from git (\(source)), which the farm does not fetch"
    case .foreignRegistry(let package, let source, let line):
      Self.place(line) + "\(package) comes from another registry (\(source))"
    }
  }

  private static func place(_ line: Int?) -> String {
    line.map { "Cargo.lock, line \($0): " } ?? "Cargo.lock: "
  }

  init(_ error: ManifestError) {
    self =
      switch error {
      case .notText: .notText
      case .malformed(let line, let column, let reason):
        .malformed(line: line, column: column, reason: reason)
      default: .invalid(reason: error.description, line: nil)
      }
  }
}
