import Foundation

/// The pieces that minisign's three file formats share.
///
/// Source: the format's description, https://jedisct1.github.io/minisign/.
enum MinisignText {
  static let untrustedPrefix = "untrusted comment: "
  static let trustedPrefix = "trusted comment: "

  /// Ed25519 over the message itself; also the algorithm of every key.
  static let plainAlgorithm = Array("Ed".utf8)
  /// Ed25519 over the BLAKE2b-512 digest of the message.
  static let prehashedAlgorithm = Array("ED".utf8)
  static let keyIDLength = 8

  /// A key's id as minisign prints it: a little-endian number as 16 upper-case digits.
  static func printed(keyID: some Collection<UInt8>) -> String {
    keyID.reversed().map { String(format: "%02X", Int($0)) }.joined()
  }

  /// The lines of a text, without their ends and without empty lines at the end.
  static func lines(_ text: String) -> [String] {
    var lines = text.split(
      omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }
    ).map(String.init)
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }

  /// The bytes of a line of base64; nil where it is anything else or of another length.
  ///
  /// Only the canonical text of the bytes counts: unused bits at the end must be zero.
  static func decode(_ line: String, length: Int) -> [UInt8]? {
    guard let data = Data(base64Encoded: line), data.count == length,
      data.base64EncodedString() == line
    else { return nil }
    return Array(data)
  }

  static func encode(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

  /// The text of a small file.
  /// - Throws: Foundation's error, or `CocoaError` where the file is longer than a key can be.
  static func read(_ path: String) throws -> String {
    let file = try FileHandle(forReadingFrom: URL(filePath: path))
    defer { try? file.close() }
    let data = try file.read(upToCount: 4096) ?? Data()
    guard data.count < 4096, let text = String(data: data, encoding: .utf8) else {
      throw CocoaError(.fileReadCorruptFile)
    }
    return text
  }
}
