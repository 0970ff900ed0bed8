/// Rows in the text format of COPY, in chunks.
struct CopyRows: Sendable {
  private var full: [[UInt8]] = []
  private var chunk: [UInt8] = []
  private static let chunkBytes = 64 << 10

  /// All rows.
  var chunks: [[UInt8]] { chunk.isEmpty ? full : full + [chunk] }

  /// Adds whole rows, with their line ends.
  mutating func append(_ rows: [UInt8]) {
    begin()
    chunk.append(contentsOf: rows)
  }

  /// Begins a row, whose columns are appended one by one.
  mutating func begin() {
    guard chunk.count >= Self.chunkBytes else { return }
    full.append(chunk)
    chunk = []
    chunk.reserveCapacity(Self.chunkBytes + (1 << 10))
  }

  /// Appends a column of bytes that need no escape.
  mutating func append(_ column: Span<UInt8>) {
    column.withUnsafeBufferPointer { chunk.append(contentsOf: $0) }
    endColumn()
  }

  /// The same of bytes that are nobody else's.
  mutating func append(column: [UInt8]) {
    chunk.append(contentsOf: column)
    endColumn()
  }

  mutating func append(_ column: Bool) {
    chunk.append(contentsOf: column ? "true".utf8 : "false".utf8)
    endColumn()
  }

  /// A number that is not negative; nil: NULL.
  mutating func append(_ column: Int64?) {
    guard var rest = column else { return appendNull() }
    let start = chunk.count
    repeat {
      chunk.append(UInt8(48 + rest % 10))
      rest /= 10
    } while rest > 0
    chunk[start...].reverse()
    endColumn()
  }

  mutating func appendNull() {
    chunk.append(UInt8(ascii: "\\"))
    chunk.append(UInt8(ascii: "N"))
    endColumn()
  }

  private mutating func endColumn() { chunk.append(UInt8(ascii: "\t")) }

  /// Ends the row.
  mutating func end() { chunk[chunk.count - 1] = UInt8(ascii: "\n") }
}

extension Span<UInt8> {
  var array: [UInt8] { withUnsafeBufferPointer { Array($0) } }

  func isEqual(to other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for index in 0..<count where self[index] != other[index] { return false }
    return true
  }

  /// FNV-1a.
  var hash64: UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for index in 0..<count { hash = (hash ^ UInt64(self[index])) &* 0x0000_0100_0000_01b3 }
    return hash
  }

  /// Writes the `latestKey` of `1.2.3`; false for every other form, valid or not.
  func readPlainKey(into key: inout [UInt8]) -> Bool {
    key.removeAll(keepingCapacity: true)
    key.append(UInt8(ascii: "r"))
    var start = 0
    var numbers = 0
    for index in 0...count {
      if index < count, (48...57).contains(self[index]) { continue }
      let length = index - start
      guard index == count || self[index] == UInt8(ascii: "."), (1...18).contains(length),
        length == 1 || self[start] != UInt8(ascii: "0")
      else { return false }
      key.append(UInt8(96 + length))
      for digit in start..<index { key.append(self[digit]) }
      numbers += 1
      start = index + 1
    }
    return numbers == 3
  }
}
