/// Why migrations were not applied. Those before the one that is named stay applied.
public enum MigrationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A directory or file cannot be read as UTF-8 text.
  case unreadable(String)
  /// A file's name is not `NNNN_name.sql`.
  case badName(String)
  /// Two files have one number.
  case duplicateNumber(String, String)
  /// A number is left out.
  case missingNumber(Int, before: String)
  /// The database has a migration whose file is not there.
  case missingFile(String)
  /// A file differs from what was applied under its number.
  case changed(String, applied: String)
  /// The server refused a statement, in this line from 1 when it said where.
  case failed(String, line: Int?, PostgresError)
  /// The file ends the transaction in which it is applied.
  case endsTransaction(String)

  /// What is wrong, in which file, and the remedy.
  public var description: String {
    switch self {
    case .unreadable(let path): "cannot read \(path): is it there, and UTF-8?"
    case .badName(let file):
      "\(file): a migration's name is four digits, _ and a name, as in 0001_crates.sql; rename it"
    case .duplicateNumber(let first, let second):
      "\(first) and \(second) have one number: give the newer one the next free number"
    case .missingNumber(let number, let file):
      "\(file): there is no migration \(number) before it: add it, or renumber"
    case .missingFile(let file):
      "\(file) was applied to this database, but its file is missing: "
        + "restore it, or use a release that has it"
    case .changed(let file, let applied):
      "\(file) differs from \(applied) as it was applied to this database: "
        + "restore the file, and put the change into a new migration"
    case .failed(let file, let line, let error):
      "\(file)\(line.map { ":\($0)" } ?? ""): \(error); nothing of this file was applied"
    case .endsTransaction(let file):
      "\(file) has COMMIT or ROLLBACK in it: remove it, each migration is one transaction. "
        + "Check by hand what it has changed"
    }
  }
}
