import Foundation

/// A parsed TOML file, read by key with errors that name the key.
struct TOMLDocument {
  private let root: TOMLSection

  /// The tree takes many times the memory of the text.
  private static let limit = 16 << 20

  init(_ bytes: some Collection<UInt8>) throws(ManifestError) {
    guard bytes.count <= Self.limit else { throw .tooLarge(limit: Self.limit) }
    guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      throw .notText
    }
    guard case .table(let table) = try TOMLValue(reading: text) else { throw .notText }
    root = TOMLSection(table: table, path: "")
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
  let table: [String: TOMLValue]
  let path: String

  var keys: some Collection<String> { table.keys }

  /// The table as JSON text; nil where it has a number that JSON has not.
  var json: String? {
    let encoder = JSONEncoder()
    // The same text each time.
    encoder.outputFormatting = .sortedKeys
    return (try? encoder.encode(table)).map { String(decoding: $0, as: UTF8.self) }
  }

  func text(_ key: String, required: Bool = false) throws(ManifestError) -> String? {
    guard let value = table[key] else {
      if required { throw .missing(key: full(key)) }
      return nil
    }
    guard case .text(let text) = value else { throw .wrongType(key: full(key), expected: "a text") }
    return text
  }

  func texts(_ key: String) throws(ManifestError) -> [String] {
    guard let value = table[key] else { return [] }
    guard case .list(let array) = value else {
      throw .wrongType(key: full(key), expected: "a list of texts")
    }
    var texts: [String] = []
    for element in array {
      guard case .text(let text) = element else {
        throw .wrongType(key: full(key), expected: "a list of texts")
      }
      texts.append(text)
    }
    return texts
  }

  /// A truth value; nil when it is missing or of another type.
  func flag(_ key: String) throws(ManifestError) -> Bool? {
    guard case .flag(let flag)? = table[key] else { return nil }
    return flag
  }

  func number(_ key: String) throws(ManifestError) -> Int? {
    guard let value = table[key] else { return nil }
    guard case .whole(let whole) = value, let number = Int(exactly: whole) else {
      throw .wrongType(key: full(key), expected: "a whole number")
    }
    return number
  }

  func subtable(_ key: String) throws(ManifestError) -> TOMLSection? {
    guard let value = table[key] else { return nil }
    guard case .table(let inner) = value else {
      throw .wrongType(key: full(key), expected: "a table")
    }
    return TOMLSection(table: inner, path: full(key) + ".")
  }

  /// A table; nil also where the value is of another type.
  func loose(_ key: String) -> TOMLSection? {
    guard case .table(let inner)? = table[key] else { return nil }
    return TOMLSection(table: inner, path: full(key) + ".")
  }

  func tables(_ key: String) throws(ManifestError) -> [TOMLSection] {
    guard let value = table[key] else { return [] }
    guard case .list(let array) = value else {
      throw .wrongType(key: full(key), expected: "an array of tables")
    }
    var sections: [TOMLSection] = []
    for element in array {
      guard case .table(let inner) = element else {
        throw .wrongType(key: full(key), expected: "an array of tables")
      }
      sections.append(TOMLSection(table: inner, path: full(key) + "."))
    }
    return sections
  }

  private func full(_ key: String) -> String { path + key }
}
