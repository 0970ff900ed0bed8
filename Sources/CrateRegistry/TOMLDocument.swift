import TOMLKit

/// A parsed TOML file, read by key with errors that name the key.
///
/// Not `Sendable`: TOMLKit's tables are pointers into one tree.
struct TOMLDocument {
  private let root: TOMLSection

  /// The tree takes many times the memory of the text.
  private static let limit = 16 << 20

  init(_ bytes: some Collection<UInt8>) throws(ManifestError) {
    guard bytes.count <= Self.limit else { throw .tooLarge(limit: Self.limit) }
    // TOMLKit takes a C string, which a NUL would end.
    guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      throw .notText
    }
    if let found = TOMLPitfalls.first(in: Array(bytes)) {
      throw .malformed(line: found.line, column: found.column, reason: found.reason)
    }
    do {
      root = TOMLSection(table: try TOMLTable(string: text), path: "")
    } catch let error as TOMLParseError {
      throw .malformed(
        line: error.source.begin.line, column: error.source.begin.column,
        reason: error.description)
    } catch {
      throw .malformed(line: 1, column: 1, reason: "\(error)")
    }
  }

  /// The first of several tables that is there.
  func table(either keys: [String]) throws(ManifestError) -> TOMLSection {
    for key in keys {
      if let table = try root.subtable(key) { return table }
    }
    throw .missing(key: keys[0])
  }

  /// A table that may be missing.
  func table(_ key: String) throws(ManifestError) -> TOMLSection? { try root.subtable(key) }

  /// An array of tables, empty when it is missing.
  func tables(_ key: String) throws(ManifestError) -> [TOMLSection] { try root.tables(key) }

  /// A whole number at the top.
  func number(_ key: String) throws(ManifestError) -> Int? { try root.number(key) }
}

/// One table of a TOML file.
struct TOMLSection {
  let table: TOMLTable
  let path: String

  var keys: [String] { table.keys }

  /// The table as JSON text.
  var json: String { table.convert(to: .json) }

  func text(_ key: String, required: Bool = false) throws(ManifestError) -> String? {
    guard let value = table[key] else {
      if required { throw .missing(key: full(key)) }
      return nil
    }
    guard let text = value.string else { throw .wrongType(key: full(key), expected: "a text") }
    return text
  }

  func texts(_ key: String) throws(ManifestError) -> [String] {
    guard let value = table[key] else { return [] }
    guard let array = value.array else {
      throw .wrongType(key: full(key), expected: "a list of texts")
    }
    var texts: [String] = []
    for element in array {
      guard let text = element.string else {
        throw .wrongType(key: full(key), expected: "a list of texts")
      }
      texts.append(text)
    }
    return texts
  }

  /// A truth value; nil when it is missing or of another type.
  func flag(_ key: String) throws(ManifestError) -> Bool? { table[key]?.bool }

  func number(_ key: String) throws(ManifestError) -> Int? {
    guard let value = table[key] else { return nil }
    guard let number = value.int else {
      throw .wrongType(key: full(key), expected: "a whole number")
    }
    return number
  }

  func subtable(_ key: String) throws(ManifestError) -> TOMLSection? {
    guard let value = table[key] else { return nil }
    guard let inner = value.table else { throw .wrongType(key: full(key), expected: "a table") }
    return TOMLSection(table: inner, path: full(key) + ".")
  }

  /// A table; nil also where the value is of another type.
  func loose(_ key: String) -> TOMLSection? {
    table[key]?.table.map { TOMLSection(table: $0, path: full(key) + ".") }
  }

  func tables(_ key: String) throws(ManifestError) -> [TOMLSection] {
    guard let value = table[key] else { return [] }
    guard let array = value.array else {
      throw .wrongType(key: full(key), expected: "an array of tables")
    }
    var sections: [TOMLSection] = []
    for element in array {
      guard let inner = element.table else {
        throw .wrongType(key: full(key), expected: "an array of tables")
      }
      sections.append(TOMLSection(table: inner, path: full(key) + "."))
    }
    return sections
  }

  private func full(_ key: String) -> String { path + key }
}
