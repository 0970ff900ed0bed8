/// The lines of a file, as editors and git count them, and its characters.
///
/// YAML 1.1, to which libyaml keeps, ends a line at NEL and at Unicode's separators, too: its own line
/// numbers differ from what a person sees.
struct SourceLines: Sendable {
  /// How many characters lie between two checkpoints.
  private static let stride = 256

  private let bytes: ArraySlice<UInt8>
  /// The number of each line's first character; lines end with LF, CR, or both.
  private let starts: [Int]
  /// Where every 256th character begins in `bytes`: no line is walked from its begin for one place.
  private let checkpoints: [Int]
  /// How many characters there are.
  private let count: Int

  /// - Parameter bytes: UTF-8 without a byte order mark.
  init(_ bytes: ArraySlice<UInt8>) {
    var starts = [0]
    var checkpoints: [Int] = []
    var count = 0
    var previous: UInt8 = 0
    for index in bytes.indices {
      let byte = bytes[index]
      guard !Self.isContinuation(byte) else { continue }
      if previous == 10 || (previous == 13 && byte != 10) { starts.append(count) }
      if count.isMultiple(of: Self.stride) { checkpoints.append(index) }
      previous = byte
      count += 1
    }
    if previous == 10 || previous == 13 { starts.append(count) }
    self.bytes = bytes
    self.starts = starts
    self.checkpoints = checkpoints
    self.count = count
  }

  /// Where a character stands, of which `offset` others stand before it.
  func position(ofCharacter offset: Int) -> SourcePosition {
    var (low, high) = (0, starts.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= offset { low = middle } else { high = middle }
    }
    return SourcePosition(line: low + 1, column: offset - starts[low] + 1)
  }

  /// Where the character stands before which there are `offset` bytes.
  func position(ofByte offset: Int) -> SourcePosition {
    position(ofCharacter: bytes.prefix(offset).count { !Self.isContinuation($0) })
  }

  /// The characters of a line, without its end, from a column on, both from 0: `most` at most; nil beyond
  /// the last line.
  func characters(ofLine line: Int, from column: Int, most: Int) -> String.UnicodeScalarView? {
    guard starts.indices.contains(line) else { return nil }
    let end = starts.indices.contains(line + 1) ? starts[line + 1] : count
    let first = min(starts[line] + max(0, column), end)
    let last = min(first + most, end)
    let text = String(decoding: bytes[byte(of: first)..<byte(of: last)], as: UTF8.self)
    var scalars = text.unicodeScalars
    while let scalar = scalars.last, scalar == "\n" || scalar == "\r" { scalars.removeLast() }
    return scalars
  }

  /// How many characters a line has, without its end; the line from 0; nil beyond the last.
  func length(ofLine line: Int) -> Int? {
    guard starts.indices.contains(line) else { return nil }
    let end = starts.indices.contains(line + 1) ? starts[line + 1] : count
    let last = characters(ofLine: line, from: end - starts[line] - 2, most: 2)
    return max(0, end - starts[line] - 2) + (last?.count ?? 0)
  }

  /// Where a character begins in `bytes`.
  private func byte(of character: Int) -> Int {
    guard character < count else { return bytes.endIndex }
    var index = checkpoints[character / Self.stride]
    var left = character % Self.stride
    while left > 0 {
      index += 1
      if index == bytes.endIndex || !Self.isContinuation(bytes[index]) { left -= 1 }
    }
    return index
  }

  private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
}
