/// Builds tar archives byte by byte, also those that no honest program writes.
public struct HandmadeTar {
  /// The entries so far, uncompressed and without the archive's end.
  public private(set) var bytes: [UInt8] = []

  public init() {}

  /// Adds an entry (POSIX ustar, IEEE Std 1003.1); `size` lies about the content when it is given.
  public mutating func add(
    _ name: String, _ content: String = "", kind: Character = "0", link: String = "",
    mode: Int = 0o644, size: Int? = nil
  ) {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
      for (index, byte) in text.utf8.enumerated() { header[offset + index] = byte }
    }
    func octal(_ value: Int, _ digits: Int) -> String {
      let text = String(value, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    put(String(decoding: name.utf8.prefix(100), as: UTF8.self), at: 0)
    put(octal(mode, 7), at: 100)
    put(octal(0, 7), at: 108)
    put(octal(0, 7), at: 116)
    put(octal(size ?? content.utf8.count, 11), at: 124)
    put(octal(0, 11), at: 136)
    put(String(repeating: " ", count: 8), at: 148)
    put(String(kind), at: 156)
    put(link, at: 157)
    put("ustar\u{0}00", at: 257)
    put(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\u{0} ", at: 148)
    bytes += header + content.utf8
    bytes += [UInt8](repeating: 0, count: (512 - content.utf8.count % 512) % 512)
  }

  /// Adds the true path of the next entry as a record of an extended header.
  public mutating func addPaxPath(_ path: String) {
    let body = " path=\(path)\n"
    var length = body.utf8.count
    while String(length).utf8.count + body.utf8.count != length {
      length = String(length).utf8.count + body.utf8.count
    }
    add("pax", "\(length)\(body)", kind: "x")
  }

  /// The archive with its end, compressed.
  public var tarGz: [UInt8] { gzip(bytes + [UInt8](repeating: 0, count: 1024)) }
}

/// A gzip file (RFC 1952) of stored blocks (RFC 1951, section 3.2.4): nothing is compressed.
public func gzip(_ data: [UInt8]) -> [UInt8] {
  var output: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
  var rest = data[...]
  repeat {
    let block = rest.prefix(65535)
    rest = rest.dropFirst(block.count)
    let length = UInt16(block.count)
    output.append(rest.isEmpty ? 1 : 0)
    output += littleEndian(length) + littleEndian(~length) + block
  } while !rest.isEmpty
  return output + littleEndian(crc32(data)) + littleEndian(UInt32(truncatingIfNeeded: data.count))
}

private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

private func crc32(_ data: [UInt8]) -> UInt32 {
  var crc = ~UInt32(0)
  for byte in data {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1 }
  }
  return ~crc
}
