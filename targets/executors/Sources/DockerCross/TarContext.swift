/// A tar with a few small files: what the engine wants as the context of a build. The module links no
/// archive library for these blocks.
enum TarContext {
  /// The archive (POSIX.1-2008, pax, "ustar Interchange Format"), in the order of the names.
  ///
  /// - Parameter files: contents by name; a name has less than 100 bytes.
  static func bytes(_ files: [String: [UInt8]]) -> [UInt8] {
    let entries = files.sorted { $0.key < $1.key }.flatMap { entry($0.key, $0.value) }
    return entries + [UInt8](repeating: 0, count: 1024)
  }

  private static func entry(_ name: String, _ content: [UInt8]) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
      header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    func octal(_ number: Int, digits: Int) -> String {
      let text = String(number, radix: 8)
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    put(name, at: 0)
    put(octal(0o644, digits: 7), at: 100)
    put(octal(0, digits: 7), at: 108)
    put(octal(0, digits: 7), at: 116)
    put(octal(content.count, digits: 11), at: 124)
    put(octal(0, digits: 11), at: 136)
    put("        ", at: 148)
    put("0", at: 156)
    put("ustar", at: 257)
    put("00", at: 263)
    let sum = header.reduce(0) { $0 + Int($1) }
    put(octal(sum, digits: 6) + "\0 ", at: 148)
    let padding = (512 - content.count % 512) % 512
    return header + content + [UInt8](repeating: 0, count: padding)
  }
}
