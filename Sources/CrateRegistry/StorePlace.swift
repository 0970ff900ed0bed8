import Archives
import FarmModel
import Foundation

/// A temporary folder of the crate store in which one crate is made ready.
struct StorePlace: Sendable {
  private let folder: String
  /// Where the `.crate` is downloaded to.
  let archive: String

  /// Makes the folder, below the store's own so that a rename can publish it.
  init(store: String) throws(RegistryError) {
    folder = "\(store)/unpacking/\(getpid())-\(UUID().uuidString)"
    archive = folder + "/archive.crate"
    try makeFolder(folder)
  }

  /// Removes the folders of others that nobody has touched since a time.
  static func removeLeftovers(store: String, before time: Date) {
    let parent = store + "/unpacking"
    for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] {
      let path = parent + "/" + name
      let attributes = try? FileManager.default.attributesOfItem(atPath: path)
      guard let changed = attributes?[.modificationDate] as? Date, changed < time else { continue }
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }

  /// Unpacks the archive, makes it a package of a directory source, and publishes it.
  func unpack(
    _ name: CrateName, _ version: Semver, _ checksum: CrateChecksum, limits: ArchiveLimits,
    as path: String
  ) throws(RegistryError) {
    let crate = "\(name) \(version)"
    let tree = folder + "/tree"
    do throws(ArchiveError) {
      _ = try unpackCrate(
        archive: archive, expectedRoot: "\(name)-\(version)", into: tree, limits: limits)
    } catch {
      if case .system(let action, let path, _, let reason) = error {
        throw .files(action: action, path: path, reason: reason)
      }
      throw .archive(crate: crate, error)
    }
    guard FileManager.default.fileExists(atPath: tree + "/Cargo.toml") else {
      throw .noManifest(crate: crate)
    }
    try writeChecksum(checksum, into: tree)
    try makeReadOnly(tree)
    try publish(tree, as: path)
  }

  /// What Cargo wants beside each package of a directory source; no file is checked again.
  private func writeChecksum(_ checksum: CrateChecksum, into tree: String) throws(RegistryError) {
    let path = tree + "/.cargo-checksum.json"
    let text = #"{"files":{},"package":"\#(checksum)"}"#
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    } catch {
      throw .files(action: "write", path: path, reason: "\(error)")
    }
  }

  /// Takes all write permissions but those of the topmost folder, which the rename needs.
  private func makeReadOnly(_ tree: String) throws(RegistryError) {
    let paths = FileManager.default.enumerator(atPath: tree)?.compactMap { $0 as? String } ?? []
    for path in paths {
      var status = stat()
      let full = tree + "/" + path
      guard stat(full, &status) == 0, chmod(full, status.st_mode & 0o555) == 0 else {
        throw failedCall("change the mode of", full)
      }
    }
  }

  private func publish(_ tree: String, as path: String) throws(RegistryError) {
    try makeFolder((path as NSString).deletingLastPathComponent)
    if rename(tree, path) == 0 {
      guard chmod(path, 0o555) == 0 else { throw failedCall("change the mode of", path) }
      return
    }
    // Another process was faster: it has the same bytes.
    guard errno == EEXIST || errno == ENOTEMPTY else { throw failedCall("create", path) }
  }
}

/// Makes a folder and its parents.
func makeFolder(_ path: String) throws(RegistryError) {
  do {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  } catch {
    throw .files(action: "create", path: path, reason: "\(error)")
  }
}

/// The error of the system call that has just failed.
func failedCall(_ action: String, _ path: String) -> RegistryError {
  .files(action: action, path: path, reason: String(cString: strerror(errno)))
}
