internal import COpenSSL
import Foundation

/// A hash function of OpenSSL's libcrypto that this project uses.
public enum DigestAlgorithm: Sendable {
  /// SHA-256 (FIPS 180-4): checksums of crates, artifacts, plans and tokens. 32 bytes.
  case sha256
  /// BLAKE2b with 64 bytes of output (RFC 7693): what minisign signs instead of the file itself.
  case blake2b512
  /// MD5 (RFC 1321): only what Debian's `md5sums` asks for, against damaged disks. 16 bytes.
  case md5

  var function: OpaquePointer? {
    switch self {
    case .sha256: EVP_sha256()
    case .blake2b512: EVP_blake2b512()
    case .md5: EVP_md5()
    }
  }
}

/// A running digest over bytes that come in pieces.
///
/// Not `Sendable`: one owner feeds it. libcrypto uses the processor's SHA extensions where it has them.
public final class Digest {
  private let context: OpaquePointer

  public init(_ algorithm: DigestAlgorithm) {
    context = EVP_MD_CTX_new()
    EVP_DigestInit_ex(context, algorithm.function, nil)
  }

  deinit { EVP_MD_CTX_free(context) }

  /// Adds bytes to what is digested.
  public func update(_ bytes: UnsafeRawBufferPointer) {
    EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
  }

  /// Adds bytes to what is digested.
  public func update(_ bytes: some Sequence<UInt8>) {
    let done: Void? = bytes.withContiguousStorageIfAvailable {
      update(UnsafeRawBufferPointer($0))
    }
    if done == nil { Array(bytes).withUnsafeBytes { update($0) } }
  }

  /// The digest of everything given so far. Call it once, as the last thing.
  public func finalize() -> [UInt8] {
    var output = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    EVP_DigestFinal_ex(context, &output, &length)
    return Array(output.prefix(Int(length)))
  }
}

/// SHA-256 in one call, as bytes or as the lower-case hexadecimal text that registries print.
public enum SHA256 {
  /// The 32 bytes of the digest.
  public static func digest(of bytes: some Sequence<UInt8>) -> [UInt8] {
    let digest = Digest(.sha256)
    digest.update(bytes)
    return digest.finalize()
  }

  /// The digest as 64 lower-case hexadecimal digits.
  public static func hex(of bytes: some Sequence<UInt8>) -> String {
    Hex.encode(digest(of: bytes))
  }

  /// The digest of a text's UTF-8 bytes as 64 lower-case hexadecimal digits.
  public static func hex(of text: String) -> String { hex(of: text.utf8) }

  /// The digest of a file's bytes, read in pieces, and their number.
  ///
  /// Blocks on the disk: call it where blocking is allowed.
  /// - Throws: the error of Foundation's `FileHandle` when the file cannot be read.
  public static func hex(ofFile path: String) throws -> (hex: String, size: Int64) {
    let file = try FileHandle(forReadingFrom: URL(filePath: path))
    defer { try? file.close() }
    let digest = Digest(.sha256)
    var size: Int64 = 0
    while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty {
      piece.withUnsafeBytes { digest.update($0) }
      size += Int64(piece.count)
    }
    return (Hex.encode(digest.finalize()), size)
  }
}
