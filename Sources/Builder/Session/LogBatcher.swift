/// Collects the pieces of an attempt's log into chunks of a good size for one message; pure.
struct LogBatcher: Sendable {
  /// A chunk of this size in bytes is sent at once.
  static let fullSize = 32 << 10
  /// No chunk is larger, in bytes (the protocol's limit).
  static let maximumSize = 64 << 10

  private var collected = ""

  var isEmpty: Bool { collected.isEmpty }

  /// Adds a piece and returns the chunks that are full now.
  mutating func add(_ text: String) -> [String] {
    collected += text
    return collected.utf8.count >= Self.fullSize ? flush() : []
  }

  /// All that is collected, as chunks of at most ``maximumSize`` bytes.
  mutating func flush() -> [String] {
    var rest = Array(collected.utf8)[...]
    collected = ""
    var chunks: [String] = []
    while !rest.isEmpty {
      let piece = rest.prefix(Self.cut(rest))
      chunks.append(String(decoding: piece, as: UTF8.self))
      rest = rest.dropFirst(piece.count)
    }
    return chunks
  }

  /// How many bytes to take so that no scalar of UTF-8 is cut in two.
  private static func cut(_ bytes: ArraySlice<UInt8>) -> Int {
    guard bytes.count > maximumSize else { return bytes.count }
    var count = maximumSize
    while bytes[bytes.startIndex + count] & 0xC0 == 0x80 { count -= 1 }
    return count
  }
}
