/// A file of YAML in memory, named as messages name it.
public struct SourceText: Sendable, Equatable {
  /// The largest file that is read, in bytes: 1 MiB, a hundred times the largest sensible one.
  public static let maximumBytes = 1 << 20

  /// The path as given, such as `targets/x86_64-unknown-linux-gnu.yaml`.
  public var path: String
  public var bytes: [UInt8]

  public init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
  }

  public init(path: String, text: String) {
    self.init(path: path, bytes: Array(text.utf8))
  }

  /// The path's last part without `.yaml`.
  public var stem: String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return name.hasSuffix(".yaml") ? String(name.dropLast(5)) : name
  }

  /// Where the bytes stop being UTF-8; nil: they all are.
  func firstInvalidPosition() -> SourcePosition? {
    if String(validating: bytes, as: UTF8.self) != nil { return nil }
    var position = SourcePosition.start
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    while case .scalarValue(let scalar) = decoder.decode(&iterator) {
      position.column += 1
      if scalar == "\n" { position = SourcePosition(line: position.line + 1, column: 1) }
    }
    return position
  }

  /// The line, cut to what a terminal holds, with a caret under the column; nil beyond the end.
  func excerpt(at position: SourcePosition) -> String? {
    let lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
    guard lines.indices.contains(position.line - 1) else { return nil }
    let line = Array(String(decoding: lines[position.line - 1], as: UTF8.self).unicodeScalars)
    let first = max(0, min(position.column - 1, line.count) - 60)
    let shown = line[first..<min(line.count, first + 90)].map { Self.printable($0) }.joined()
    let number = String(position.line)
    let margin = String(repeating: " ", count: number.count)
    let indent = String(repeating: " ", count: max(0, position.column - 1 - first))
    return " \(number) | \(shown)\n \(margin) | \(indent)^"
  }

  /// One column of a line: what would move the cursor or steer a terminal becomes a space.
  private static func printable(_ scalar: Unicode.Scalar) -> String {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: " "
    default: String(scalar)
    }
  }
}
