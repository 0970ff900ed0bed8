import Cryptography

/// The content of a `.minisig` file: four lines, two of them comments.
struct MinisignSignature: Equatable {
  var algorithm: [UInt8]
  var keyID: [UInt8]
  /// Over the BLAKE2b-512 digest of the file.
  var signature: [UInt8]
  var trustedComment: String
  /// Over ``signature`` and the trusted comment.
  var globalSignature: [UInt8]

  /// What the global signature is over.
  static func globalMessage(signature: [UInt8], comment: String) -> [UInt8] {
    signature + Array(comment.utf8)
  }

  init(
    keyID: [UInt8], signature: [UInt8], trustedComment: String, globalSignature: [UInt8]
  ) {
    self.algorithm = MinisignText.prehashedAlgorithm
    self.keyID = keyID
    self.signature = signature
    self.trustedComment = trustedComment
    self.globalSignature = globalSignature
  }

  /// Reads the text of a `.minisig` file.
  /// - Throws: ``SignatureError/malformed(_:)``.
  init(parsing text: String) throws(SignatureError) {
    let lines = MinisignText.lines(text)
    guard lines.count == 4 else { throw .malformed("it has \(lines.count) lines instead of 4") }
    guard lines[0].hasPrefix(MinisignText.untrustedPrefix) else {
      throw .malformed("line 1 does not begin with “\(MinisignText.untrustedPrefix)”")
    }
    guard let bytes = MinisignText.decode(lines[1], length: 2 + 8 + 64) else {
      throw .malformed("line 2 is not 74 bytes in base64")
    }
    guard lines[2].hasPrefix(MinisignText.trustedPrefix) else {
      throw .malformed("line 3 does not begin with “\(MinisignText.trustedPrefix)”")
    }
    guard let global = MinisignText.decode(lines[3], length: 64) else {
      throw .malformed("line 4 is not 64 bytes in base64")
    }
    algorithm = Array(bytes[0..<2])
    keyID = Array(bytes[2..<10])
    signature = Array(bytes[10...])
    trustedComment = String(lines[2].dropFirst(MinisignText.trustedPrefix.count))
    globalSignature = global
  }

  /// The text of the `.minisig` file.
  var text: String {
    """
    \(MinisignText.untrustedPrefix)signature from builds.rs key \
    \(MinisignText.printed(keyID: keyID))
    \(MinisignText.encode(algorithm + keyID + signature))
    \(MinisignText.trustedPrefix)\(trustedComment)
    \(MinisignText.encode(globalSignature))

    """
  }
}
