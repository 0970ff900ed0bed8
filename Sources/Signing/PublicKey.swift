import Cryptography
import Foundation

/// The public half of a signing key, in minisign's formats.
public struct PublicKey: Sendable, Hashable, CustomStringConvertible {
  /// The 8 bytes that tell keys apart, as they stand in files.
  let keyIDBytes: [UInt8]
  /// The 32 bytes of the Ed25519 key.
  public let keyBytes: [UInt8]

  init(keyID: [UInt8], key: [UInt8]) {
    keyIDBytes = keyID
    keyBytes = key
  }

  /// Reads a key file's text, or only its line of base64.
  /// - Throws: ``SignatureError/malformedPublicKey(_:)``.
  public init(_ text: String) throws(SignatureError) {
    let lines = MinisignText.lines(text)
    guard let line = lines.last, lines.count <= 2 else {
      throw .malformedPublicKey("it has \(lines.count) lines instead of 1 or 2")
    }
    guard let bytes = MinisignText.decode(line, length: 2 + 8 + 32) else {
      throw .malformedPublicKey("line \(lines.count) is not 42 bytes in base64")
    }
    guard Array(bytes[0..<2]) == MinisignText.plainAlgorithm else {
      throw .malformedPublicKey("its algorithm is not Ed25519")
    }
    self.init(keyID: Array(bytes[2..<10]), key: Array(bytes[10...]))
  }

  /// Reads a key file.
  /// - Throws: ``SignatureError/unreadable(path:reason:)`` or
  ///   ``SignatureError/malformedPublicKey(_:)``.
  public init(contentsOf path: String) throws(SignatureError) {
    let text: String
    do { text = try MinisignText.read(path) } catch {
      throw .unreadable(path: path, reason: error.localizedDescription)
    }
    try self.init(text)
  }

  /// 16 upper-case hexadecimal digits, as minisign prints it.
  public var keyID: String { MinisignText.printed(keyID: keyIDBytes) }

  /// One line of base64, as `minisign -P` takes it.
  public var base64: String {
    MinisignText.encode(MinisignText.plainAlgorithm + keyIDBytes + keyBytes)
  }

  /// The text of a key file, as `minisign -p` takes it.
  public var fileText: String {
    "\(MinisignText.untrustedPrefix)minisign public key \(keyID)\n\(base64)\n"
  }

  public var description: String { base64 }
}

extension PublicKey {
  /// Checks a signature over content whose BLAKE2b-512 digest is known.
  /// - Returns: the trusted comment, which the signature covers.
  /// - Throws: ``SignatureError``; nothing of the comment can be trusted then.
  @discardableResult
  public func verify(signatureText: String, fileDigest blake2b512: [UInt8])
    throws(SignatureError) -> TrustedComment
  {
    let signature = try MinisignSignature(parsing: signatureText)
    try check(signature)
    guard
      Ed25519.isValid(signature: signature.signature, for: blake2b512, publicKey: keyBytes)
    else { throw .wrongContent(keyID: keyID) }
    let message = MinisignSignature.globalMessage(
      signature: signature.signature, comment: signature.trustedComment)
    guard
      Ed25519.isValid(signature: signature.globalSignature, for: message, publicKey: keyBytes)
    else { throw .wrongComment(keyID: keyID) }
    return TrustedComment(signature.trustedComment)
  }

  /// Checks a signature over a file, which is read in pieces.
  ///
  /// Blocks on the disk: call it where blocking is allowed.
  /// - Returns: the trusted comment, which the signature covers.
  /// - Throws: ``SignatureError``; nothing of the comment can be trusted then.
  @discardableResult
  public func verify(signatureText: String, contentsOfFile path: String)
    throws(SignatureError) -> TrustedComment
  {
    let digest: [UInt8]
    do { digest = try FileDigest.read(path).blake2b512 } catch {
      throw .unreadable(path: path, reason: error.localizedDescription)
    }
    return try verify(signatureText: signatureText, fileDigest: digest)
  }

  private func check(_ signature: MinisignSignature) throws(SignatureError) {
    switch signature.algorithm {
    case MinisignText.prehashedAlgorithm: break
    case MinisignText.plainAlgorithm: throw .notPrehashed
    default: throw .malformed("line 2 names an unknown algorithm")
    }
    guard signature.keyID == keyIDBytes else {
      throw .otherKey(expected: keyID, found: MinisignText.printed(keyID: signature.keyID))
    }
  }
}
