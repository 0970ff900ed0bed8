/// One range of a file's bytes, from a `Range` header (RFC 9110, 14.2).
enum ByteRange: Sendable, Equatable {
  /// The whole file: no header, several ranges, or a unit that we do not know.
  case whole
  case part(Range<Int64>)
  /// The range begins behind the end.
  case unsatisfiable

  init(header: String?, size: Int64) {
    self = .whole
    guard let header, header.hasPrefix("bytes=") else { return }
    let ends = header.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
      .map { $0.filter { $0 != " " } }
    guard ends.count == 2, ends.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } })
    else { return }
    switch (Int64(ends[0]), Int64(ends[1])) {
    case (nil, nil): return
    case (nil, let last?):
      self = last > 0 && size > 0 ? .part(max(0, size - last)..<size) : .unsatisfiable
    case (let first?, let last):
      guard first < size else {
        self = .unsatisfiable
        return
      }
      let end = last.map { min($0, size - 1) } ?? size - 1
      if end >= first { self = .part(first..<end + 1) }
    }
  }
}
