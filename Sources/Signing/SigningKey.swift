import Cryptography
import Foundation

/// A minisign key pair: signs what the farm publishes.
///
/// The file is minisign's own secret key format without a password (`minisign -W`), so that the
/// program `minisign` can use it, too.
public struct SigningKey: Sendable, CustomStringConvertible {
  private let privateKey: Ed25519.PrivateKey
  /// What clients pin and verify with.
  public let publicKey: PublicKey

  private init(privateKey: Ed25519.PrivateKey, keyID: [UInt8]) {
    self.privateKey = privateKey
    publicKey = PublicKey(keyID: keyID, key: privateKey.publicKey)
  }

  /// A key that nobody else has, with a random id.
  public static func generate() -> SigningKey {
    SigningKey(
      privateKey: Ed25519.PrivateKey(), keyID: Random.bytes(MinisignText.keyIDLength))
  }

  /// Reads a secret key file without a password.
  /// - Throws: ``SigningKeyError``.
  public init(contentsOf path: String) throws(SigningKeyError) {
    let text: String
    do { text = try MinisignText.read(path) } catch {
      throw .unreadable(path: path, reason: error.localizedDescription)
    }
    let fields = try SecretKeyFields(parsing: text, path: path)
    guard let key = Ed25519.PrivateKey(seed: fields.seed), key.publicKey == fields.publicKey else {
      throw .malformed(path: path, reason: "its secret and its public half do not match")
    }
    self.init(privateKey: key, keyID: fields.keyID)
  }

  /// The id of the key only: a secret never gets into a log.
  public var description: String { "signing key \(publicKey.keyID)" }

  /// The text of the secret key file.
  var fileText: String {
    SecretKeyFields(
      keyID: publicKey.keyIDBytes, seed: privateKey.seed, publicKey: privateKey.publicKey
    ).text
  }

  /// Signs content by its BLAKE2b-512 digest.
  /// - Returns: the text of the `.minisig` file.
  public func sign(fileDigest blake2b512: [UInt8], trustedComment: TrustedComment) -> String {
    let signature = privateKey.sign(blake2b512)
    let global = privateKey.sign(
      MinisignSignature.globalMessage(signature: signature, comment: trustedComment.text))
    return MinisignSignature(
      keyID: publicKey.keyIDBytes, signature: signature, trustedComment: trustedComment.text,
      globalSignature: global
    ).text
  }

  /// Signs a file, which is read in pieces. Blocks on the disk: call it where blocking is allowed.
  /// - Parameters:
  ///   - path: the file.
  ///   - name: its public name, for the trusted comment.
  ///   - timestamp: seconds since 1970, for the trusted comment.
  /// - Returns: the text of the `.minisig` file.
  /// - Throws: ``SignatureError/unreadable(path:reason:)``.
  public func sign(contentsOfFile path: String, name: String, timestamp: Int64)
    throws(SignatureError) -> String
  {
    let digest: FileDigest
    do { digest = try FileDigest.read(path) } catch {
      throw .unreadable(path: path, reason: error.localizedDescription)
    }
    return sign(
      fileDigest: digest.blake2b512,
      trustedComment: TrustedComment(timestamp: timestamp, file: name, sha256: digest.sha256))
  }
}
