internal import COpenSSL

/// Signatures by Ed25519 (RFC 8032), which minisign and the builders' challenge use.
public enum Ed25519 {
  public static let seedLength = 32
  public static let publicKeyLength = 32
  public static let signatureLength = 64

  /// A private key: the 32 bytes of RFC 8032's seed, and the public key that follows from them.
  public struct PrivateKey: Sendable {
    public let seed: [UInt8]
    public let publicKey: [UInt8]

    /// A key that nobody else has, from libcrypto's random generator.
    public init() {
      self.init(checkedSeed: Random.bytes(seedLength))
    }

    /// The key of a seed; nil when it is not 32 bytes long.
    public init?(seed: [UInt8]) {
      guard seed.count == seedLength else { return nil }
      self.init(checkedSeed: seed)
    }

    private init(checkedSeed seed: [UInt8]) {
      self.seed = seed
      let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count)
      defer { EVP_PKEY_free(key) }
      var length = publicKeyLength
      var bytes = [UInt8](repeating: 0, count: length)
      EVP_PKEY_get_raw_public_key(key, &bytes, &length)
      publicKey = bytes
    }

    /// The 64 bytes of the signature over a message.
    public func sign(_ message: [UInt8]) -> [UInt8] {
      let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count)
      let context = EVP_MD_CTX_new()
      defer {
        EVP_MD_CTX_free(context)
        EVP_PKEY_free(key)
      }
      EVP_DigestSignInit(context, nil, nil, nil, key)
      var length = signatureLength
      var signature = [UInt8](repeating: 0, count: length)
      EVP_DigestSign(context, &signature, &length, message, message.count)
      return signature
    }
  }

  /// Whether a signature over a message was made by the private key of a public key.
  ///
  /// Keys and signatures of a wrong length are simply not valid.
  public static func isValid(signature: [UInt8], for message: [UInt8], publicKey: [UInt8]) -> Bool {
    guard signature.count == signatureLength, publicKey.count == publicKeyLength,
      let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, publicKey, publicKey.count)
    else { return false }
    let context = EVP_MD_CTX_new()
    defer {
      EVP_MD_CTX_free(context)
      EVP_PKEY_free(key)
    }
    guard EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
    return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }
}
