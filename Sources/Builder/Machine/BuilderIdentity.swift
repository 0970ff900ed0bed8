import BuilderProtocol
import Cryptography

/// Who a builder is: its Ed25519 key.
public struct BuilderIdentity: Sendable {
  private let key: Ed25519.PrivateKey

  /// The identity of a key's 32-byte seed; nil when it has another length.
  public init?(seed: [UInt8]) {
    guard let key = Ed25519.PrivateKey(seed: seed) else { return nil }
    self.key = key
  }

  /// 64 hexadecimal digits.
  public var publicKeyText: String { Hex.encode(key.publicKey) }

  /// The name that everything on the machine carries: the public key's first 16 digits.
  public var owner: String { String(publicKeyText.prefix(16)) }

  func sign(_ message: [UInt8]) -> [UInt8] { key.sign(message) }
}
