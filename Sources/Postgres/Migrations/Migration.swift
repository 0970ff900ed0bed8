import Cryptography
import Foundation

/// One step of the database's schema: a file `NNNN_name.sql`.
public struct Migration: Sendable, Equatable {
  /// From 1, without gaps.
  public let number: Int
  /// What stands between the number and `.sql`.
  public let name: String
  /// SHA-256 of the file, in hexadecimal: an applied migration never changes.
  public let sha256: String
  let sql: String

  /// The file's name.
  public var file: String { Self.file(number: number, name: name) }

  static func file(number: Int, name: String) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "_\(name).sql"
  }

  init(number: Int, name: String, sql: String) {
    self.number = number
    self.name = name
    self.sql = sql
    sha256 = SHA256.hex(of: sql)
  }

  /// The migrations of a directory, in order. Files with other endings than `.sql` are left alone.
  static func load(_ directory: String) throws -> [Migration] {
    let files: [String]
    do {
      files = try FileManager.default.contentsOfDirectory(atPath: directory)
    } catch {
      throw MigrationError.unreadable(directory)
    }
    let migrations = try files.filter { $0.hasSuffix(".sql") }.sorted().map { file in
      let (number, name) = try parse(file)
      guard let sql = try? String(contentsOfFile: "\(directory)/\(file)", encoding: .utf8) else {
        throw MigrationError.unreadable("\(directory)/\(file)")
      }
      return Migration(number: number, name: name, sql: sql)
    }
    try checkNumbers(migrations)
    return migrations
  }

  static func parse(_ file: String) throws -> (number: Int, name: String) {
    let stem = file.dropLast(4)
    let digits = stem.prefix(4)
    let name = stem.dropFirst(5)
    guard digits.count == 4, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let number = Int(digits), stem.dropFirst(4).first == "_", !name.isEmpty
    else { throw MigrationError.badName(file) }
    return (number, String(name))
  }

  static func checkNumbers(_ migrations: [Migration]) throws {
    var previous: Migration?
    for migration in migrations {
      if let previous, previous.number == migration.number {
        throw MigrationError.duplicateNumber(previous.file, migration.file)
      }
      let expected = (previous?.number ?? 0) + 1
      if migration.number != expected {
        throw MigrationError.missingNumber(expected, before: migration.file)
      }
      previous = migration
    }
  }
}

/// What the table `schema_migrations` says about one migration.
struct AppliedMigration: Equatable {
  let number: Int
  let name: String
  let sha256: String

  /// The migrations that are still to apply.
  static func pending(_ migrations: [Migration], after applied: [AppliedMigration]) throws
    -> [Migration]
  {
    let files = Dictionary(migrations.map { ($0.number, $0) }) { first, _ in first }
    for entry in applied {
      let file = Migration.file(number: entry.number, name: entry.name)
      guard let migration = files[entry.number] else { throw MigrationError.missingFile(file) }
      guard migration.sha256 == entry.sha256 else {
        throw MigrationError.changed(migration.file, applied: file)
      }
    }
    let done = Set(applied.map(\.number))
    return migrations.filter { !done.contains($0.number) }
  }
}
