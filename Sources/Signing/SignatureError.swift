/// Why a signature is not accepted.
public enum SignatureError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The text is no minisign signature; the reason names the line.
  case malformed(String)
  /// The text is no minisign public key.
  case malformedPublicKey(String)
  /// The signature is over the file itself (minisign's legacy format), not over its BLAKE2b digest.
  case notPrehashed
  /// Another key made the signature.
  case otherKey(expected: String, found: String)
  /// The file is not what was signed.
  case wrongContent(keyID: String)
  /// The trusted comment is not what was signed.
  case wrongComment(keyID: String)
  /// The file, or the file of the key, cannot be read.
  case unreadable(path: String, reason: String)

  public var description: String {
    switch self {
    case .malformed(let reason): "not a minisign signature: \(reason)"
    case .malformedPublicKey(let reason): "not a minisign public key: \(reason)"
    case .notPrehashed:
      "the signature is in minisign's legacy format; sign again without `minisign -l`"
    case .otherKey(let expected, let found):
      "the signature was made by key \(found), not by key \(expected)"
    case .wrongContent(let keyID):
      "the content does not match its signature by key \(keyID): it was changed after it was signed"
    case .wrongComment(let keyID):
      "the trusted comment does not match its signature by key \(keyID): it was changed"
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    }
  }
}

/// Why a secret key cannot be read or written.
public enum SigningKeyError: Error, Sendable, Equatable, CustomStringConvertible {
  /// There is a file of that name; a key is never overwritten.
  case exists(path: String)
  /// The file cannot be read.
  case unreadable(path: String, reason: String)
  /// The file cannot be written.
  case unwritable(path: String, reason: String)
  /// The file is no minisign secret key.
  case malformed(path: String, reason: String)
  /// The file is encrypted with a password, which nobody could type for a service.
  case hasPassword(path: String)

  public var description: String {
    switch self {
    case .exists(let path):
      "\(path) exists already; a key is never overwritten: choose another name, or move it away"
    case .unreadable(let path, let reason): "cannot read the signing key \(path): \(reason)"
    case .unwritable(let path, let reason): "cannot write the signing key \(path): \(reason)"
    case .malformed(let path, let reason): "\(path) is no minisign secret key: \(reason)"
    case .hasPassword(let path):
      "\(path) has a password; remove it with `minisign -C -W -s \(path)`"
    }
  }
}
