import Blocking
import Cryptography
import ExecutorKit
import Foundation

/// The directories of work that a person started by hand: `<state directory>/local/<name>`.
///
/// Whoever works in one holds a lock on a file beside it, which tells whose it is. The kernel drops the
/// lock with its holder: a directory without a holder is what a killed process has left.
public struct LocalWork: Sendable {
  /// This process's own name as an owner: a sweep for it reaches nothing of other builds by hand,
  /// whichever state directory they use.
  static let owner = "local-" + Hex.encode(Random.bytes(5))

  /// The directory.
  public let path: String
  private let lock: Int32

  /// What the file beside a directory tells of its holder.
  struct Holder: Codable, Equatable {
    var owner: String
    /// The module's shared library.
    var module: String
  }

  private static let suffix = ".holder"

  /// Makes a directory that no other process has, and holds it. Blocks on the disk.
  /// - Parameter name: what the work is, as a part of a path.
  /// - Throws: The file system's error, or ``BuilderSetupError``, where it cannot be made.
  init(_ name: String, in stateDirectory: String, module: String) throws {
    path = "\(stateDirectory)/local/\(name)-\(Self.owner.dropFirst("local-".utf8.count))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    // Nobody sees the file before it is locked.
    let draft = path + ".draft"
    lock = open(draft, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    let text = try JSONEncoder().encode(Holder(owner: Self.owner, module: module))
    let isWritten = text.withUnsafeBytes { write(lock, $0.baseAddress, $0.count) == $0.count }
    guard isWritten, flock(lock, LOCK_EX | LOCK_NB) == 0, rename(draft, path + Self.suffix) == 0
    else {
      let reason = String(cString: strerror(errno))
      if lock >= 0 { close(lock) }
      throw BuilderSetupError("\(draft) cannot be made: \(reason)")
    }
  }

  /// Lets go of the directory, which stays as it is: nobody takes it for a leftover. Call one of this and
  /// ``remove()`` once.
  public func leave() {
    unlink(path + Self.suffix)
    close(lock)
  }

  /// Removes the directory.
  public func remove() async {
    let path = path
    _ = await offCooperativePool { removeTree(path) }
    leave()
  }

  /// Removes the directories without a holder. Blocks on the disk.
  /// - Returns: Who held them, and may have left more in modules' hands.
  static func removeLeftovers(in stateDirectory: String) -> [Holder] {
    let parent = stateDirectory + "/local"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    return names.filter { $0.hasSuffix(suffix) }.sorted().compactMap { name in
      let file = "\(parent)/\(name)"
      let descriptor = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
      guard descriptor >= 0 else { return nil }
      defer { close(descriptor) }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return nil }
      let holder = try? JSONDecoder().decode(
        Holder.self, from: FileManager.default.contents(atPath: file) ?? Data())
      removeTree(String(file.dropLast(suffix.utf8.count)))
      unlink(file)
      return holder
    }
  }
}
