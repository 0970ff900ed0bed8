import Archives
import Blocking
import CrateRegistry
import Cryptography
import ExecutorKit
import FarmModel
import Foundation
import Transfer

/// Brings everything that a build needs to the host, by checksum, before any foreign code runs.
struct FetchStage: Sendable {
  let request: HostBuildRequest
  let folders: AttemptFolders
  let log: AttemptLog
  let client: TransferClient

  private var inputs: BuildInputs { request.plan.inputs }

  /// Fetches and lays out sources, and returns the crate's manifest.
  /// - Throws: ``ExecutorFailure`` of class `fetch`, `lockfile` or `infrastructure`.
  func run() async throws -> FetchedSource {
    let (name, version) = try checkedInputs()
    try await download()
    let (archive, crate) = (folders.archive, folders.crate)
    _ = try await offCooperativePool {
      do throws(ArchiveError) {
        return try unpackCrate(archive: archive, expectedRoot: "\(name)-\(version)", into: crate)
      } catch { throw FetchFailure.of(error, crate: "\(name) \(version)") }
    }
    let source = try await offCooperativePool { try FetchedSource(crateFolder: crate) }
    try await layOutDependencies()
    try CargoHome.write(to: folders.cargoHome)
    return source
  }

  /// Names and versions come from a backend; they are checked once more before they form paths.
  private func checkedInputs() throws(ExecutorFailure) -> (CrateName, Semver) {
    guard let name = CrateName(inputs.crate), let version = Semver(inputs.version),
      TargetTriple(inputs.target) != nil, CrateChecksum(inputs.checksum) != nil
    else {
      throw ExecutorFailure(
        .infrastructure,
        "the plan of \(inputs.crate) \(inputs.version) for \(inputs.target) has an invalid name,"
          + " version, target or checksum; builder and backend do not fit together")
    }
    guard ["gcc", "zig"].contains(inputs.linker) else {
      throw ExecutorFailure(
        .infrastructure, "this builder has no linker “\(inputs.linker)”; it knows gcc and zig")
    }
    return (name, version)
  }

  private func download() async throws {
    let transfer = TransferRequest(
      url: request.sourceURL, stallTimeout: .seconds(30), responseLimit: 128 << 20)
    let response: TransferResponse
    do {
      response = try await client.downloadWithRetries(transfer, to: folders.archive)
    } catch {
      try Task.checkCancellation()
      throw FetchFailure.of(error)
    }
    guard response.isSuccess else {
      throw FetchFailure.of(url: request.sourceURL, status: response.status)
    }
    let archive = folders.archive
    let (found, size) = try await offCooperativePool { try SHA256.hex(ofFile: archive) }
    guard found == inputs.checksum else {
      throw ExecutorFailure(
        .fetch,
        "the file at \(request.sourceURL) has the sha256 \(found), not \(inputs.checksum) as the"
          + " registry's index says")
    }
    log.line("fetched \(inputs.crate) \(inputs.version): \(size) bytes, sha256 \(found)")
  }

  private func layOutDependencies() async throws {
    let packages = try await lockedPackages()
    guard let template = DownloadTemplate(request.downloadTemplate) else {
      throw ExecutorFailure(
        .infrastructure, "the registry's download address “\(request.downloadTemplate)” is no URL")
    }
    let store = CrateStore(
      folder: folders.store, downloader: CrateDownloader(template: template, client: client))
    // Until all is laid out, nothing of it may be pruned; afterwards it is too young.
    let (folder, checksums) = (folders.store, packages.map(\.2))
    let lock = await offCooperativePool { CrateStore.use(checksums, in: folder) }
    defer { lock?.release() }
    let missing = packages.filter { !FileManager.default.fileExists(atPath: store.path(of: $0.2)) }
    do throws(RegistryError) {
      try await store.ensure(packages)
      let vendor = folders.vendor
      try await offCooperativePool { () throws(RegistryError) in
        try CrateStore.layOut(packages, into: vendor, storeInEnvironment: "/build/store")
      }
    } catch {
      try Task.checkCancellation()
      throw ExecutorFailure(error.isTransient ? .infrastructure : .fetch, "\(error)")
    }
    log.line("\(packages.count) crates are laid out, \(missing.count) of them downloaded now")
  }

  /// Everything that the lockfile names, of whatever platform, but the package itself.
  private func lockedPackages() async throws -> [(CrateName, Semver, CrateChecksum)] {
    let folder = folders.crate
    let lockfile: Lockfile
    do {
      lockfile = try await offCooperativePool { try Lockfile(ofCrateIn: folder) }
    } catch LockfileError.missing {
      throw ExecutorFailure(
        .lockfile,
        "\(inputs.crate) \(inputs.version) was published without Cargo.lock; the farm builds only"
          + " what a lockfile pins")
    } catch {
      throw ExecutorFailure(.lockfile, "\(error)")
    }
    return try lockfile.packages.filter(\.isFromRegistry).map { package in
      guard let checksum = package.checksum else {
        let line = package.line.map { ", line \($0)" } ?? ""
        throw ExecutorFailure(
          .lockfile,
          "Cargo.lock\(line): \(package.name) \(package.version) has no checksum")
      }
      return (package.name, package.version, checksum)
    }
  }
}

/// What the pipeline knows of a crate after it has been unpacked.
struct FetchedSource: Sendable {
  let manifest: Manifest
  let binaries: [BinaryTarget]

  /// Reads the manifest in a crate's folder. Blocks on the disk.
  /// - Throws: ``ExecutorFailure`` of class `fetch`.
  init(crateFolder: String) throws(ExecutorFailure) {
    guard let bytes = FileManager.default.contents(atPath: crateFolder + "/Cargo.toml") else {
      throw ExecutorFailure(.fetch, "the archive has no Cargo.toml at its root")
    }
    do throws(ManifestError) {
      manifest = try Manifest(toml: Array(bytes))
      let files = FileManager.default.enumerator(atPath: crateFolder)
      binaries = manifest.binaryTargets(files: files?.compactMap { $0 as? String } ?? [])
    } catch {
      throw ExecutorFailure(.fetch, "Cargo.toml: \(error)")
    }
  }

  /// The binaries of the manifest that were not built although the plan asks for them, in the
  /// manifest's order.
  func leftOut(built: [String], wanted: [String]) -> [LeftOutBinary] {
    binaries.filter { !built.contains($0.name) && (wanted.isEmpty || wanted.contains($0.name)) }
      .map { LeftOutBinary(name: $0.name, requiredFeatures: $0.requiredFeatures) }
  }
}

/// Sorts what can go wrong while fetching into failures of the crate and failures of the network,
/// which another try may not meet.
enum FetchFailure {
  static func of(_ error: ArchiveError, crate: String) -> ExecutorFailure {
    if case .system = error { return ExecutorFailure(.infrastructure, "\(crate): \(error)") }
    return ExecutorFailure(.fetch, "\(crate): \(error)")
  }

  static func of(_ error: TransferError) -> ExecutorFailure {
    if case .tooLarge = error.kind { return ExecutorFailure(.fetch, "\(error)") }
    return ExecutorFailure(.infrastructure, "\(error)")
  }

  static func of(url: String, status: Int) -> ExecutorFailure {
    let isTransient = TransferRetryPolicy().isTransient(status: status)
    return ExecutorFailure(
      isTransient ? .infrastructure : .fetch, "\(url) was answered with status \(status)")
  }
}

/// Cargo's own configuration, the only one that a build sees.
enum CargoHome {
  static let configuration = """
    [source.crates-io]
    replace-with = "vendored"
    [source.vendored]
    directory = "/build/vendor"
    [net]
    offline = true

    """

  static func write(to folder: String) throws(ExecutorFailure) {
    do {
      try Data(configuration.utf8).write(to: URL(filePath: folder + "/config.toml"))
    } catch {
      throw ExecutorFailure(.infrastructure, "cannot write \(folder)/config.toml: \(error)")
    }
  }
}
