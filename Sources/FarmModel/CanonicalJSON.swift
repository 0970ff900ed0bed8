public import Foundation

/// JSON with one spelling for one value: sorted keys, no spaces, no escaped slashes; what digests of
/// plans are computed over.
public enum CanonicalJSON {
  /// The canonical bytes of a value.
  /// - Throws: `EncodingError` for what JSON cannot hold (a number that is not finite).
  public static func encode(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value)
  }

  /// ``encode(_:)`` as text.
  public static func text(_ value: some Encodable) throws -> String {
    String(decoding: try encode(value), as: UTF8.self)
  }
}
