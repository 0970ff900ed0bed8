/// Reads a range of an open file piece by piece.
actor FileReader {
  private static let pieceSize: Int64 = 256 << 10

  private let file: OpenFile
  private var range: Range<Int64>

  init(file: OpenFile, range: Range<Int64>) {
    self.file = file
    self.range = range
  }

  /// The next piece; nil at the end of the range or of the file.
  func next() async throws(StorageError) -> [UInt8]? {
    let offset = range.lowerBound
    let count = min(Self.pieceSize, range.upperBound - offset)
    guard count > 0 else { return nil }
    let piece = try await BlockingPool.run { [file] () throws(StorageError) in
      try file.read(at: offset, count: Int(count))
    }
    range = (offset + Int64(piece.count))..<range.upperBound
    return piece.isEmpty ? nil : piece
  }
}
