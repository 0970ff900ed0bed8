import Blocking
import Cryptography
import ExecutorKit
import FarmModel
import Foundation

/// What a build compiles for the machine that it runs on (build scripts, procedural macros and what
/// they need), kept for the other targets of the same version.
///
/// Cargo puts it into `target/release`, and a target's own files into `target/<triple>/release`. Each
/// build works on a copy of its own, and only a build that compiled leaves one behind: what a build
/// does to its copy reaches no build that runs, and never one of another version.
struct HostPart: Sendable {
  /// Where a builder keeps them, a folder for each key.
  let folder: String
  let key: String

  /// Bytes and entries of one part that is worth keeping; all further targets' builds copy it.
  static let largest: Int64 = 2 << 30
  static let mostEntries = 100_000
  /// How many parts a builder keeps: the targets of one version are built soon after one another.
  static let most = 8

  /// Nil where the environment's host part cannot be shared.
  init?(inputs: BuildInputs, environment: EnvironmentIdentity, folder: String) {
    guard let hostDigest = environment.hostDigest,
      let text = try? CanonicalJSON.encode(Inputs(inputs, hostDigest))
    else { return nil }
    self.folder = folder
    key = SHA256.hex(of: text)
  }

  /// All that can change what is compiled for the host: everything of a version's plan but what only
  /// tells the target apart.
  private struct Inputs: Encodable {
    let schema = 1
    let hostDigest: String
    let checksum: String
    let lockfile: String?
    let features: [String]
    let usesDefaultFeatures: Bool
    let binaries: [String]
    let packages: [String: [String]]
    let environment: [String: String]
    let sourceDateEpoch: Int64

    init(_ inputs: BuildInputs, _ hostDigest: String) {
      self.hostDigest = hostDigest
      checksum = inputs.checksum
      lockfile = inputs.lockfile
      features = inputs.features
      usesDefaultFeatures = inputs.usesDefaultFeatures
      binaries = inputs.binaries
      packages = inputs.packages
      environment = inputs.environment
      sourceDateEpoch = inputs.sourceDateEpoch
    }
  }

  private var path: String { "\(folder)/\(key)" }

  /// Copies the part into a build's target folder, with its times: Cargo's judgement of what is fresh
  /// depends on them.
  /// - Returns: Its bytes; nil: there was none.
  func restore(into target: String) async -> Int64? {
    await offCooperativePool {
      guard let lock = FolderLock(shared: folder) else { return nil }
      defer { lock.release() }
      let release = target + "/release"
      guard isFolder(path) else { return nil }
      guard copyTree(path, to: release) else {
        removeTree(release)
        return nil
      }
      // The youngest are kept.
      utimensat(AT_FDCWD, path, nil, AT_SYMLINK_NOFOLLOW)
      return DiskUsage.bytes(under: [release])
    }
  }

  /// Keeps a copy of what a build that compiled has made for the host, where there is none yet.
  func keep(from target: String) async {
    await offCooperativePool {
      let release = target + "/release"
      let files = FileManager.default
      // A build can leave a link to anywhere in this place; its processes are gone by now.
      guard !isFolder(path), isFolder(release),
        DiskUsage.bytes(under: [release], entries: Self.mostEntries) <= Self.largest
      else { return }
      try? files.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      // Where a killed process has left one of the same name, cp would copy into that.
      let draft = "\(folder)/.\(key)-\(UUID().uuidString)"
      if copyTree(release, to: draft), rename(draft, path) == 0 {
        utimensat(AT_FDCWD, path, nil, AT_SYMLINK_NOFOLLOW)
      }
      removeTree(draft)
      prune()
    }
  }

  /// Removes the oldest parts, unless a build is reading one now.
  private func prune() {
    guard let lock = FolderLock(exclusive: folder) else { return }
    defer { lock.release() }
    let files = FileManager.default
    let hour = Date(timeIntervalSinceNow: -3600)
    let found = ((try? files.contentsOfDirectory(atPath: folder)) ?? []).compactMap { name in
      let attributes = try? files.attributesOfItem(atPath: "\(folder)/\(name)")
      return (attributes?[.modificationDate] as? Date).map { (name, $0) }
    }
    let parts = found.filter { !$0.0.hasPrefix(".") }.sorted { $0.1 > $1.1 }
    // Drafts of builds that were killed.
    let leftovers = found.filter { $0.0.hasPrefix(".") && $0.0 != FolderLock.name && $0.1 < hour }
    for (name, _) in parts.dropFirst(Self.most) + leftovers {
      removeTree("\(folder)/\(name)")
    }
  }
}

/// Whether there is a folder of its own, and no link to one.
private func isFolder(_ path: String) -> Bool {
  var status = stat()
  return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}
