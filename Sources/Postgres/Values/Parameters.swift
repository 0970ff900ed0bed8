import Foundation

/// The parameters of one execution in the form that libpq takes: one buffer of NUL-terminated
/// values, with offsets, lengths and formats.
struct Parameters {
  private var buffer: [UInt8] = []
  /// Where each value begins in `buffer`; `nil` for NULL.
  private var offsets: [Int?] = []
  private var lengths: [Int32] = []
  private var formats: [Int32] = []

  /// - Throws: `PostgresError`: 22021 for text with U+0000, 22008 for a time out of range, 54000
  ///   for values or statements too large for the protocol.
  init(_ values: [PostgresValue]) throws {
    guard values.count <= UInt16.max else {
      throw PostgresError.client("54000", "\(values.count) parameters: at most 65535 are possible")
    }
    for (index, value) in values.enumerated() { try append(value, number: index + 1) }
  }

  private mutating func append(_ value: PostgresValue, number: Int) throws {
    switch value {
    case .null:
      offsets.append(nil)
      lengths.append(0)
      formats.append(0)
    case .bytes(let bytes): try append(bytes, format: 1, number: number)
    default:
      guard let text = value.wireText else {
        throw PostgresError.client("22008", "parameter $\(number): a time outside years 1 to 9999")
      }
      guard !text.utf8.contains(0) else {
        throw PostgresError.client("22021", "parameter $\(number): text must not contain U+0000")
      }
      try append(text.utf8, format: 0, number: number)
    }
  }

  private mutating func append(
    _ bytes: some Collection<UInt8>, format: Int32, number: Int
  ) throws {
    guard let length = Int32(exactly: bytes.count) else {
      throw PostgresError.client("54000", "parameter $\(number): \(bytes.count) bytes are too many")
    }
    offsets.append(buffer.count)
    lengths.append(length)
    formats.append(format)
    buffer.append(contentsOf: bytes)
    buffer.append(0)
  }

  /// Pointers for libpq, valid during `body`: count, values, lengths, formats.
  func withPointers<Result>(
    _ body: (
      Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
    ) throws -> Result
  ) rethrows -> Result {
    try buffer.withUnsafeBytes { bytes in
      let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
      let pointers = offsets.map { offset in offset.flatMap { start in base.map { $0 + start } } }
      return try body(Int32(offsets.count), pointers, lengths, formats)
    }
  }
}

extension PostgresValue {
  /// The value in PostgreSQL's text form; `nil` for NULL and for a time that has none.
  var wireText: String? {
    switch self {
    case .null: nil
    case .text(let text), .json(let text): text
    case .int(let value): String(value)
    case .bool(let value): value ? "true" : "false"
    case .double(let value): String(value)
    case .bytes(let bytes): ByteaText.encode(bytes)
    case .uuid(let uuid): uuid.uuidString.lowercased()
    case .timestamp(let date): TimestampText.encode(date)
    case .textArray(let items): ArrayText.encode(items)
    case .intArray(let items): "{" + items.map(String.init).joined(separator: ",") + "}"
    }
  }
}
