public import Foundation

/// One row, decoded column by column. Every function throws `PostgresDecodingError` when the column
/// is missing or holds something else; those without `optional` also for NULL.
public struct PostgresRow: Sendable {
  let result: QueryResult
  let index: Int32

  /// The names of the columns, in order.
  public var columns: [String] { result.columns }

  /// Text, or the text form of any other type (`numeric`, `uuid`, `jsonb`, an enumeration).
  public func text(_ column: String) throws -> String { try required(column, .text) }
  /// Text, or `nil` for NULL.
  public func optionalText(_ column: String) throws -> String? { try decode(column, .text) }

  /// A whole number of any SQL type.
  public func int(_ column: String) throws -> Int { try required(column, .int) }
  /// A whole number, or `nil` for NULL.
  public func optionalInt(_ column: String) throws -> Int? { try decode(column, .int) }

  /// A `boolean`.
  public func bool(_ column: String) throws -> Bool { try required(column, .bool) }
  /// A `boolean`, or `nil` for NULL.
  public func optionalBool(_ column: String) throws -> Bool? { try decode(column, .bool) }

  /// Any number; infinities and NaN as such.
  public func double(_ column: String) throws -> Double { try required(column, .double) }
  /// Any number, or `nil` for NULL.
  public func optionalDouble(_ column: String) throws -> Double? { try decode(column, .double) }

  /// A `bytea`.
  public func bytes(_ column: String) throws -> [UInt8] { try required(column, .bytes) }
  /// A `bytea`, or `nil` for NULL.
  public func optionalBytes(_ column: String) throws -> [UInt8]? { try decode(column, .bytes) }

  /// A `timestamptz`, to the microsecond; not `infinity`.
  public func date(_ column: String) throws -> Date { try required(column, .date) }
  /// A `timestamptz`, or `nil` for NULL.
  public func optionalDate(_ column: String) throws -> Date? { try decode(column, .date) }

  /// A `uuid`.
  public func uuid(_ column: String) throws -> UUID { try required(column, .uuid) }
  /// A `uuid`, or `nil` for NULL.
  public func optionalUUID(_ column: String) throws -> UUID? { try decode(column, .uuid) }

  /// A one-dimensional array without NULLs, of any type with a text form.
  public func textArray(_ column: String) throws -> [String] { try required(column, .textArray) }
  /// The same, or `nil` for NULL.
  public func optionalTextArray(_ column: String) throws -> [String]? {
    try decode(column, .textArray)
  }

  /// A one-dimensional array of whole numbers without NULLs.
  public func intArray(_ column: String) throws -> [Int] { try required(column, .intArray) }
  /// The same, or `nil` for NULL.
  public func optionalIntArray(_ column: String) throws -> [Int]? { try decode(column, .intArray) }

  private func required<Value>(_ column: String, _ decoder: ColumnDecoder<Value>) throws -> Value {
    guard let value = try decode(column, decoder) else {
      throw PostgresDecodingError(column: column, expected: decoder.name, found: "NULL")
    }
    return value
  }

  private func decode<Value>(_ column: String, _ decoder: ColumnDecoder<Value>) throws -> Value? {
    guard let number = result.columnIndex(column) else {
      let columns = result.columns.joined(separator: ", ")
      throw PostgresDecodingError(
        column: column, expected: decoder.name, found: "no such column (there are: \(columns))")
    }
    guard let raw = result.value(index, number) else { return nil }
    guard !decoder.needsBytes || result.isBytes(number), let value = decoder.decode(raw) else {
      throw PostgresDecodingError(
        column: column, expected: decoder.name, found: result.typeName(number))
    }
    return value
  }
}

/// A column does not hold what the program expects. It names no values.
public struct PostgresDecodingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The column's name; empty when the number of rows is wrong.
  public let column: String
  /// What the program asked for.
  public let expected: String
  /// The column's type on the server, `NULL`, or what else is wrong.
  public let found: String

  /// Makes an error, for decoders of one's own.
  public init(column: String, expected: String, found: String) {
    self.column = column
    self.expected = expected
    self.found = found
  }

  /// One line: which column, what was expected, what was found.
  public var description: String {
    column.isEmpty
      ? "expected \(expected), found \(found)"
      : "column “\(column)”: expected \(expected), found \(found)"
  }
}

/// From a column's text to a value.
struct ColumnDecoder<Value> {
  let name: String
  var needsBytes = false
  let decode: (UnsafeRawBufferPointer) -> Value?
}

private func string(_ raw: UnsafeRawBufferPointer) -> String {
  String(decoding: raw, as: UTF8.self)
}

extension ColumnDecoder<String> {
  static var text: Self { Self(name: "text", decode: string) }
}
extension ColumnDecoder<Int> {
  static var int: Self { Self(name: "a whole number") { Int(string($0)) } }
}
extension ColumnDecoder<Bool> {
  static var bool: Self {
    Self(name: "boolean") { raw in
      switch raw.first {
      case UInt8(ascii: "t") where raw.count == 1: true
      case UInt8(ascii: "f") where raw.count == 1: false
      default: nil
      }
    }
  }
}
extension ColumnDecoder<Double> {
  static var double: Self { Self(name: "a number") { Double(string($0)) } }
}
extension ColumnDecoder<[UInt8]> {
  static var bytes: Self { Self(name: "bytea", needsBytes: true, decode: ByteaText.decode) }
}
extension ColumnDecoder<Date> {
  static var date: Self { Self(name: "timestamptz") { TimestampText.decode(string($0)) } }
}
extension ColumnDecoder<UUID> {
  static var uuid: Self { Self(name: "uuid") { UUID(uuidString: string($0)) } }
}
extension ColumnDecoder<[String]> {
  static var textArray: Self {
    Self(name: "an array without NULLs") { raw in
      ArrayText.decode(string(raw)).flatMap { items in
        items.contains(nil) ? nil : items.compactMap(\.self)
      }
    }
  }
}
extension ColumnDecoder<[Int]> {
  static var intArray: Self {
    Self(name: "an array of whole numbers without NULLs") { raw in
      ArrayText.decode(string(raw)).flatMap { items in
        let numbers = items.compactMap { $0.flatMap { Int($0) } }
        return numbers.count == items.count ? numbers : nil
      }
    }
  }
}
