import Blocking
import Cryptography
import Foundation

/// What is wrong with a builder's directories or files.
public struct BuilderSetupError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// A builder's own directory: `builder.key`, `builder.lock`, `work/`, `store/`
/// and `host-parts/`.
///
/// One process holds it at a time. All methods block on the disk for a moment.
public final class StateDirectory: Sendable {
  public let path: String
  private let lock: Int32

  /// Makes the directory where it is missing, and locks it for this process.
  /// - Throws: ``BuilderSetupError`` where it cannot be made or another builder holds it.
  public init(path: String) throws {
    let path = URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
    let absolute = path.hasSuffix("/") ? String(path.dropLast()) : path
    self.path = absolute
    for folder in [absolute, absolute + "/work", absolute + "/store"] {
      do {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true,
          attributes: [.posixPermissions: 0o755])
      } catch {
        throw BuilderSetupError(
          "the state directory \(folder) cannot be made (\(Self.reason())); give another with --state-directory"
        )
      }
    }
    // `self.lock` comes last: where all is set, an error runs `deinit`, which would close it twice.
    let lock = open(absolute + "/builder.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else {
      throw BuilderSetupError("\(absolute)/builder.lock cannot be opened: \(Self.reason())")
    }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      close(lock)
      throw BuilderSetupError(
        "another builder uses the state directory \(absolute); give each its own with --state-directory"
      )
    }
    self.lock = lock
  }

  deinit { close(lock) }

  /// The crates that all builds share.
  public var storeDirectory: String { path + "/store" }

  /// What the targets of one version share.
  public var hostPartsDirectory: String { path + "/host-parts" }

  /// The directory of one attempt.
  public func workDirectory(job: Int64, attempt: Int32) -> String {
    "\(path)/work/\(job)-\(attempt)"
  }

  /// Removes the directories of all attempts but these.
  public func removeWork(except names: Set<String>) {
    let work = path + "/work"
    for name in (try? FileManager.default.contentsOfDirectory(atPath: work)) ?? []
    where !names.contains(name) {
      removeTree(work + "/" + name)
    }
  }

  /// The builder's key from `builder.key`; a new one is made where the file is missing.
  /// - Throws: ``BuilderSetupError`` where the file cannot be read or written, or is no key.
  public func identity() throws -> BuilderIdentity {
    let file = path + "/builder.key"
    if FileManager.default.fileExists(atPath: file) { return try Self.read(file) }
    let seed = Random.bytes(Ed25519.seedLength)
    try Self.write(Hex.encode(seed) + "\n", to: file)
    return try Self.read(file)
  }

  private static func read(_ file: String) throws -> BuilderIdentity {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw BuilderSetupError("the builder's key \(file) cannot be read: \(reason())")
    }
    let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    guard let seed = Hex.decode(text), let identity = BuilderIdentity(seed: seed) else {
      throw BuilderSetupError(
        "\(file) is no builder's key (64 hexadecimal digits); remove it to get a new one, which must be approved again"
      )
    }
    return identity
  }

  /// Under another name first, so that nobody ever sees a part of it, readable by its owner only.
  private static func write(_ text: String, to file: String) throws {
    let draft = file + ".new"
    unlink(draft)
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw BuilderSetupError("the builder's key \(file) cannot be written: \(reason())")
    }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0,
      rename(draft, file) == 0
    else { throw BuilderSetupError("the builder's key \(file) cannot be written: \(reason())") }
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}
