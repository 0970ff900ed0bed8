/// Rows for `copyIn`, in the text format of COPY (documentation, COPY, Text Format).
public enum CopyText {
  /// One row, with its line end.
  ///
  /// - Throws: `PostgresError`: 22021 for text with U+0000, 22008 for a time outside years 1 to 9999.
  public static func line(_ values: [PostgresValue]) throws -> [UInt8] {
    var line: [UInt8] = []
    for (index, value) in values.enumerated() {
      if index > 0 { line.append(UInt8(ascii: "\t")) }
      try append(value, to: &line, number: index + 1)
    }
    line.append(UInt8(ascii: "\n"))
    return line
  }

  private static func append(
    _ value: PostgresValue, to line: inout [UInt8], number: Int
  ) throws {
    if value == .null {
      line += "\\N".utf8
      return
    }
    guard let text = value.wireText else {
      throw PostgresError.client("22008", "column \(number): a time outside years 1 to 9999")
    }
    for byte in text.utf8 {
      switch byte {
      case 0:
        throw PostgresError.client("22021", "column \(number): text must not contain U+0000")
      case UInt8(ascii: "\\"): line += "\\\\".utf8
      case UInt8(ascii: "\t"): line += "\\t".utf8
      case UInt8(ascii: "\n"): line += "\\n".utf8
      case UInt8(ascii: "\r"): line += "\\r".utf8
      default: line.append(byte)
      }
    }
  }
}
