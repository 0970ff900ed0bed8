public import Blocking
import FarmModel
import Foundation

/// What a pruning of the crate store did.
public struct StorePruning: Sendable, Equatable {
  /// Bytes of disk of all crates before.
  public var bytesBefore: Int64 = 0
  /// Bytes that were freed.
  public var bytesFreed: Int64 = 0
  /// How many crates went.
  public var removed = 0

  public init() {}
}

extension CrateStore {
  /// Where it is noted when a crate was used last: an empty file a crate, whose time tells it.
  private static func notes(_ folder: String) -> String { folder + "/used" }

  /// Keeps ``prune(folder:limit:unusedFor:)`` away from what is being laid out for a build, and notes
  /// that these crates are used now. Blocks.
  ///
  /// - Returns: The lock, to be released once ``layOut(_:into:storeInEnvironment:)`` is done; nil
  ///   where the store's folder is not there.
  public static func use(_ crates: [CrateChecksum], in folder: String) -> FolderLock? {
    guard let lock = FolderLock(shared: folder) else { return nil }
    let notes = notes(folder)
    try? FileManager.default.createDirectory(atPath: notes, withIntermediateDirectories: true)
    for crate in crates {
      let descriptor = open("\(notes)/\(crate.hex)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { continue }
      futimens(descriptor, nil)
      close(descriptor)
    }
    return lock
  }

  /// Removes the crates that were not used for longest, until the store is below its limit.
  ///
  /// Blocks on the disk, and until no build is laying out crates.
  /// - Parameters:
  ///   - limit: Bytes of disk.
  ///   - unusedFor: Crates used within this time stay, whatever the limit says: builds may still be
  ///     reading them.
  public static func prune(
    folder: String, limit: Int64, unusedFor: Duration = .seconds(86400)
  ) -> StorePruning {
    guard let lock = FolderLock(exclusive: folder) else { return StorePruning() }
    defer { lock.release() }
    var crates = crates(in: folder)
    var pruning = StorePruning()
    pruning.bytesBefore = crates.reduce(0) { $0 + $1.bytes }
    let youngest = Date(timeIntervalSinceNow: -(unusedFor / .seconds(1)))
    crates.sort { $0.used < $1.used }
    for crate in crates where pruning.bytesBefore - pruning.bytesFreed > limit {
      guard crate.used < youngest, remove(crate.checksum, from: folder) else { continue }
      pruning.bytesFreed += crate.bytes
      pruning.removed += 1
    }
    return pruning
  }

  private struct StoredCrate {
    let checksum: CrateChecksum
    let bytes: Int64
    let used: Date
  }

  private static func crates(in folder: String) -> [StoredCrate] {
    let files = FileManager.default
    let groups = ((try? files.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.count == 2 }
    return groups.flatMap { group in
      ((try? files.contentsOfDirectory(atPath: "\(folder)/\(group)")) ?? []).compactMap { name in
        guard let checksum = CrateChecksum(name) else { return nil }
        let path = "\(folder)/\(checksum.storePath)"
        // A crate without a note is from before there were notes: as old as its folder.
        let used =
          modified("\(notes(folder))/\(checksum.hex)") ?? modified(path) ?? .distantPast
        return StoredCrate(
          checksum: checksum, bytes: DiskUsage.bytes(under: [path]), used: used)
      }
    }
  }

  private static func modified(_ path: String) -> Date? {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return attributes?[.modificationDate] as? Date
  }

  /// By a rename first, so that nobody ever sees a part of a crate.
  private static func remove(_ checksum: CrateChecksum, from folder: String) -> Bool {
    let path = "\(folder)/\(checksum.storePath)"
    let away = "\(folder)/unpacking/\(getpid())-\(UUID().uuidString)"
    try? FileManager.default.createDirectory(
      atPath: folder + "/unpacking", withIntermediateDirectories: true)
    // A folder without write permission cannot be moved to another parent.
    guard chmod(path, 0o755) == 0, rename(path, away) == 0 else { return false }
    makeWritable(away)
    try? FileManager.default.removeItem(atPath: away)
    unlink("\(notes(folder))/\(checksum.hex)")
    return true
  }

  /// Gives back what `makeReadOnly` took from folders: only who may write there can remove files.
  private static func makeWritable(_ tree: String) {
    chmod(tree, 0o755)
    let paths = FileManager.default.enumerator(atPath: tree)?.compactMap { $0 as? String } ?? []
    for path in paths {
      let full = "\(tree)/\(path)"
      var status = stat()
      if lstat(full, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { chmod(full, 0o755) }
    }
  }
}
