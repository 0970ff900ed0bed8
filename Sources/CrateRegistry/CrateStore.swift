public import Archives
import Blocking
public import FarmModel
import Foundation

/// The builder's unpacked crates, each once, by checksum: `<folder>/ab/abcd…/Cargo.toml`.
///
/// A crate is unpacked beside its place and renamed when it is whole and read-only, so that what is
/// there is complete, whoever else works on the same folder. One process downloads a crate once, however
/// many tasks ask for it.
public actor CrateStore {
  /// The folder of the store.
  public nonisolated let folder: String
  private let downloader: CrateDownloader
  private let limits: ArchiveLimits
  private var running: [CrateChecksum: Download] = [:]

  private struct Download {
    let task: Task<Result<String, RegistryError>, Never>
    let identity: Int
    var waiting: Int
  }

  private var lastIdentity = 0

  /// Creates a store; its folder is made when the first crate comes.
  public init(folder: String, downloader: CrateDownloader, limits: ArchiveLimits = .init()) {
    self.folder = folder
    self.downloader = downloader
    self.limits = limits
  }

  /// Where a crate is, or will be.
  public nonisolated func path(of checksum: CrateChecksum) -> String {
    "\(folder)/\(checksum.storePath)"
  }

  /// Removes what a process that was killed left half done more than an hour ago. Blocks on the disk.
  public nonisolated func removeLeftovers() {
    StorePlace.removeLeftovers(store: folder, before: Date(timeIntervalSinceNow: -3600))
  }

  /// Sees to it that a crate is in the store, and returns its folder.
  public func ensure(
    _ name: CrateName, _ version: Semver, checksum: CrateChecksum
  ) async throws(RegistryError) -> String {
    let path = path(of: checksum)
    if running[checksum] == nil, isCrate(path) { return path }
    let download = join(name, version, checksum)
    let result = await withTaskCancellationHandler {
      await download.task.value
    } onCancel: {
      Task { await self.leave(checksum, download.identity) }
    }
    if running[checksum]?.identity == download.identity { running[checksum] = nil }
    return try result.get()
  }

  /// Sees to it that packages are in the store, several at once; the first failure ends it.
  ///
  /// - Parameter arrived: called after each package, in any order.
  public func ensure(
    _ packages: [(name: CrateName, version: Semver, checksum: CrateChecksum)],
    atOnce: Int = 8, arrived: @escaping @Sendable (CrateName, Semver) -> Void = { _, _ in }
  ) async throws(RegistryError) {
    let failure = await withTaskGroup(of: RegistryError?.self) { group -> RegistryError? in
      var rest = packages[...]
      func startNext() {
        guard let (name, version, checksum) = rest.popFirst() else { return }
        group.addTask {
          do throws(RegistryError) {
            _ = try await self.ensure(name, version, checksum: checksum)
            arrived(name, version)
            return nil
          } catch {
            return error
          }
        }
      }
      for _ in 0..<max(1, atOnce) { startNext() }
      var first: RegistryError?
      for await failure in group {
        if let failure, first == nil {
          first = failure
          rest = []
          group.cancelAll()
        }
        startNext()
      }
      return first
    }
    if let failure { throw failure }
  }

  private func join(_ name: CrateName, _ version: Semver, _ checksum: CrateChecksum) -> Download {
    if var download = running[checksum] {
      download.waiting += 1
      running[checksum] = download
      return download
    }
    lastIdentity += 1
    let task = Task { [self] () -> Result<String, RegistryError> in
      do throws(RegistryError) {
        return .success(try await fetch(name, version, checksum))
      } catch {
        return .failure(error)
      }
    }
    let download = Download(task: task, identity: lastIdentity, waiting: 1)
    running[checksum] = download
    return download
  }

  /// A cancelled task waits no more; the last one ends the download, and a later one starts anew.
  private func leave(_ checksum: CrateChecksum, _ identity: Int) {
    guard var download = running[checksum], download.identity == identity else { return }
    download.waiting -= 1
    running[checksum] = download.waiting > 0 ? download : nil
    if download.waiting <= 0 { download.task.cancel() }
  }

  private nonisolated func fetch(
    _ name: CrateName, _ version: Semver, _ checksum: CrateChecksum
  ) async throws(RegistryError) -> String {
    let path = path(of: checksum)
    let place = try StorePlace(store: folder)
    do throws(RegistryError) {
      try await downloader.download(name, version, checksum: checksum, to: place.archive)
    } catch {
      place.remove()
      throw error
    }
    let limits = limits
    try await offCooperativePool { () throws(RegistryError) in
      defer { place.remove() }
      try place.unpack(name, version, checksum, limits: limits, as: path)
    }
    return path
  }
}

/// Whether a folder of the store is there; only whole crates ever are.
private func isCrate(_ path: String) -> Bool {
  FileManager.default.fileExists(atPath: path + "/.cargo-checksum.json")
}
