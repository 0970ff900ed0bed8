public import Foundation

/// A parameter of a statement.
///
/// The server infers each parameter's type from the statement (`$1::text[]` where it cannot), so
/// one prepared statement fits whatever case is passed: `.null` as well as `.int`.
public enum PostgresValue: Sendable, Equatable {
  /// SQL's NULL.
  case null
  /// Text, or the text form of any other type. U+0000 is refused (PostgreSQL has no such text).
  case text(String)
  /// `bigint`, or any smaller integer that the value fits.
  case int(Int64)
  /// `boolean`.
  case bool(Bool)
  /// `double precision`.
  case double(Double)
  /// `bytea`.
  case bytes([UInt8])
  /// The text of a `json` or `jsonb`.
  case json(String)
  /// `uuid`.
  case uuid(UUID)
  /// `timestamptz`, rounded to microseconds; years 1 to 9999.
  case timestamp(Date)
  /// `text[]`.
  case textArray([String])
  /// `bigint[]`, or an array of smaller integers.
  case intArray([Int64])

  /// Text, or NULL for `nil`.
  public static func optional(_ text: String?) -> PostgresValue { text.map(Self.text) ?? .null }

  /// An integer, or NULL for `nil`.
  public static func optional(_ int: Int?) -> PostgresValue { int.map { .int(Int64($0)) } ?? .null }

  /// An integer, or NULL for `nil`.
  public static func optional(_ int: Int64?) -> PostgresValue { int.map { .int($0) } ?? .null }

  /// A time, or NULL for `nil`.
  public static func optional(_ date: Date?) -> PostgresValue { date.map(Self.timestamp) ?? .null }

  /// An integer of the platform's own width.
  public static func int(_ value: Int) -> PostgresValue { .int(Int64(value)) }
}

extension PostgresValue: ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
  ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByFloatLiteral,
  ExpressibleByNilLiteral
{
  /// `.text`
  public init(stringLiteral value: String) { self = .text(value) }
  /// `.int`
  public init(integerLiteral value: Int64) { self = .int(value) }
  /// `.bool`
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// `.double`
  public init(floatLiteral value: Double) { self = .double(value) }
  /// `.null`
  public init(nilLiteral: ()) { self = .null }
}
