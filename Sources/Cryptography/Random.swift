internal import COpenSSL

/// Unguessable bytes from libcrypto's generator.
public enum Random {
  /// `count` random bytes.
  public static func bytes(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let answer = RAND_bytes(&bytes, Int32(count))
    precondition(answer == 1, "the operating system gives no random numbers")
    return bytes
  }

  /// A random secret as hexadecimal text: 256 bits unless told otherwise.
  public static func token(bytes count: Int = 32) -> String { Hex.encode(bytes(count)) }
}

/// Compares secrets in a time that does not tell where they differ.
public func constantTimeEqual(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>)
  -> Bool
{
  guard left.count == right.count else { return false }
  return CRYPTO_memcmp(Array(left), Array(right), left.count) == 0
}
