/// The fields of minisign's secret key file: a comment, and 158 bytes in base64.
///
/// Algorithm, key derivation, checksum algorithm (2 bytes each), salt (32), limits (8 and 8), key id
/// (8), seed and public key (32 and 32), checksum (32). Without a password, `minisign -W` writes zeros
/// for the derivation, the salt, the limits and the checksum, which are all about the password.
struct SecretKeyFields {
  var keyID: [UInt8]
  var seed: [UInt8]
  var publicKey: [UInt8]

  private static let length = 158
  private static let checksumAlgorithm = Array("B2".utf8)

  init(keyID: [UInt8], seed: [UInt8], publicKey: [UInt8]) {
    self.keyID = keyID
    self.seed = seed
    self.publicKey = publicKey
  }

  init(parsing text: String, path: String) throws(SigningKeyError) {
    let lines = MinisignText.lines(text)
    guard lines.count == 2, lines[0].hasPrefix(MinisignText.untrustedPrefix) else {
      throw .malformed(path: path, reason: "it is not a comment and one line of base64")
    }
    guard let bytes = MinisignText.decode(lines[1], length: Self.length) else {
      throw .malformed(path: path, reason: "line 2 is not \(Self.length) bytes in base64")
    }
    guard Array(bytes[0..<2]) == MinisignText.plainAlgorithm else {
      throw .malformed(path: path, reason: "its algorithm is not Ed25519")
    }
    guard bytes[2..<4].allSatisfy({ $0 == 0 }) else { throw .hasPassword(path: path) }
    keyID = Array(bytes[54..<62])
    seed = Array(bytes[62..<94])
    publicKey = Array(bytes[94..<126])
  }

  var text: String {
    let head = MinisignText.plainAlgorithm + [0, 0] + Self.checksumAlgorithm
    let password = [UInt8](repeating: 0, count: 32 + 8 + 8)
    let checksum = [UInt8](repeating: 0, count: 32)
    let bytes = head + password + keyID + seed + publicKey + checksum
    return """
      \(MinisignText.untrustedPrefix)minisign secret key, without password
      \(MinisignText.encode(bytes))

      """
  }
}
