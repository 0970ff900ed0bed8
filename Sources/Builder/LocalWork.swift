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
    /// The name of the module's shared library, without its folder: what is in the file is only looked for
    /// where modules are anyway.
    var module: String

    /// Whether a program of the farm can have written it.
    var isPlausible: Bool {
      owner.wholeMatch(of: /local-[0-9a-f]{10}/) != nil && !module.contains("/")
        && module.hasSuffix(".so")
    }
  }

  private static let suffix = ".holder"
  private static let draftSuffix = ".draft"

  /// Makes a directory that no other process has, and holds it. Blocks on the disk.
  /// - Parameters:
  ///   - name: what the work is, as a part of a path.
  ///   - module: the path of the module's shared library.
  /// - Throws: The file system's error, or ``BuilderSetupError``, where it cannot be made.
  init(_ name: String, in stateDirectory: String, module: String) throws {
    let parent = stateDirectory + "/local"
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    path = "\(parent)/\(name)-\(Self.owner.dropFirst("local-".utf8.count))"
    let holder = Holder(
      owner: Self.owner, module: URL(filePath: module).lastPathComponent)
    // The file is locked before it has its name, and has its name before there is a directory: whoever
    // finds a directory or a file without a lock may remove it.
    lock = try Self.lockedDraft(path + Self.draftSuffix)
    let text = try JSONEncoder().encode(holder)
    let isWritten = text.withUnsafeBytes { write(lock, $0.baseAddress, $0.count) == $0.count }
    guard isWritten, rename(path + Self.draftSuffix, path + Self.suffix) == 0,
      mkdir(path, 0o755) == 0
    else {
      let reason = String(cString: strerror(errno))
      unlink(path + Self.draftSuffix)
      unlink(path + Self.suffix)
      close(lock)
      throw BuilderSetupError("the build's directory \(path) cannot be made: \(reason)")
    }
  }

  /// A new file, locked while it still has its name: one that looks for leftovers may have been faster.
  private static func lockedDraft(_ path: String) throws(BuilderSetupError) -> Int32 {
    while true {
      let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
      guard file >= 0 else {
        throw BuilderSetupError("\(path) cannot be made: \(String(cString: strerror(errno)))")
      }
      while flock(file, LOCK_EX) != 0 && errno == EINTR {}
      if isNamed(path, file) { return file }
      close(file)
    }
  }

  /// Whether an open file is still the one that has this name.
  private static func isNamed(_ path: String, _ file: Int32) -> Bool {
    var (open, named) = (stat(), stat())
    return fstat(file, &open) == 0 && lstat(path, &named) == 0 && open.st_dev == named.st_dev
      && open.st_ino == named.st_ino
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
    var holders: [Holder] = []
    for name in names.sorted() {
      let file = "\(parent)/\(name)"
      if name.hasSuffix(draftSuffix) {
        takeLeftover(file) { _ in }
      } else if name.hasSuffix(suffix) {
        takeLeftover(file) { descriptor in
          if let holder = holder(in: descriptor) { holders.append(holder) }
          removeTree(String(file.dropLast(suffix.utf8.count)))
        }
      }
    }
    return holders
  }

  /// Removes a file of this user's that nobody holds; before that, what it stands for.
  private static func takeLeftover(_ file: String, _ use: (Int32) -> Void) {
    let descriptor = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var status = stat()
    // Without its name its holder has let go of it meanwhile: the directory was to be kept.
    guard fstat(descriptor, &status) == 0, status.st_uid == geteuid(),
      status.st_mode & S_IFMT == S_IFREG, flock(descriptor, LOCK_EX | LOCK_NB) == 0,
      isNamed(file, descriptor)
    else { return }
    use(descriptor)
    unlink(file)
  }

  /// What a holder's file tells; nil where it is none.
  private static func holder(in file: Int32) -> Holder? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = pread(file, &bytes, bytes.count, 0)
    guard count > 0,
      let holder = try? JSONDecoder().decode(Holder.self, from: Data(bytes[..<count])),
      holder.isPlausible
    else { return nil }
    return holder
  }
}
