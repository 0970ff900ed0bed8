import ExecutorKit

/// Cuts the stream of an attached container into what it printed where.
///
/// Each frame has a head of 8 bytes: the stream (1 output, 2 errors), three zeros, and the length as
/// four bytes, the highest first (Engine API, "Attach to a container", "Stream format").
struct OutputFrames {
  private var head: [UInt8] = []
  private var stream: CommandOutput.Stream = .standardOutput
  private var left = 0

  /// The pieces that are in these bytes; frames that are not whole are handed out as far as they came.
  mutating func add(_ bytes: [UInt8]) -> [CommandOutput] {
    var pieces: [CommandOutput] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      if left > 0 {
        let piece = rest.prefix(left)
        pieces.append(CommandOutput(stream, Array(piece)))
        left -= piece.count
        rest = rest.dropFirst(piece.count)
      } else {
        let missing = rest.prefix(8 - head.count)
        head += missing
        rest = rest.dropFirst(missing.count)
        if head.count == 8 { begin() }
      }
    }
    return pieces
  }

  private mutating func begin() {
    stream = head[0] == 2 ? .standardError : .standardOutput
    left = head[4...].reduce(0) { $0 << 8 | Int($1) }
    head = []
  }
}
