internal import CDigest

/// SHA-256 over several texts, each behind its length, so that no two lists read the same.
///
/// - Returns: 64 lower-case hexadecimal digits.
func sha256(of parts: [[UInt8]]) -> String {
  let bytes = parts.flatMap { Array("\($0.count):".utf8) + $0 }
  var digest = [UInt8](repeating: 0, count: 32)
  SHA256(bytes, bytes.count, &digest)
  return digest.map { byte in
    let text = String(byte, radix: 16)
    return text.count == 1 ? "0" + text : text
  }.joined()
}
