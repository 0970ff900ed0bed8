import Cryptography
import Foundation
import HTTPTypes

extension HTTPFields {
  /// The value of `Content-Digest`; nil: there is none.
  var contentDigest: String? { first { $0.name.canonicalName == "content-digest" }?.value }
}

/// The field `Content-Digest` (RFC 9530): a dictionary of byte sequences (RFC 8941).
enum ContentDigest {
  /// The SHA-256 as 64 lower-case hexadecimal digits; nil where there is none or it is malformed.
  static func sha256(_ field: String) -> String? {
    for member in field.split(separator: ",") {
      let text = member.trimmingCharacters(in: .whitespaces)
      guard text.hasPrefix("sha-256=:"), text.hasSuffix(":"), text.count > 10 else { continue }
      guard let bytes = Data(base64Encoded: String(text.dropFirst(9).dropLast())),
        bytes.count == 32
      else { return nil }
      return Hex.encode(bytes)
    }
    return nil
  }
}
