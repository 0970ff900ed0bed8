import Cryptography
import Foundation

/// Both digests of a file, read once.
public struct FileDigest: Sendable, Equatable {
  /// What minisign signs.
  public let blake2b512: [UInt8]
  /// 64 lower-case hexadecimal digits.
  public let sha256: String
  /// Bytes.
  public let size: Int64

  /// Reads a file in pieces. Blocks on the disk: call it where blocking is allowed.
  /// - Throws: Foundation's error when the file cannot be read.
  public static func read(_ path: String) throws -> FileDigest {
    let file = try FileHandle(forReadingFrom: URL(filePath: path))
    defer { try? file.close() }
    let sha256 = Digest(.sha256)
    let blake2b512 = Digest(.blake2b512)
    var size: Int64 = 0
    while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty {
      piece.withUnsafeBytes {
        sha256.update($0)
        blake2b512.update($0)
      }
      size += Int64(piece.count)
    }
    return FileDigest(
      blake2b512: blake2b512.finalize(), sha256: Hex.encode(sha256.finalize()), size: size)
  }
}
