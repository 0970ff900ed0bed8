import Archives
import Blocking
import CrateRegistry
import Cryptography
import FarmModel
import Foundation

/// Looks into `.crate` files for what the index does not tell.
struct CrateLook: Sendable {
  let downloader: CrateDownloader
  /// Where downloads are kept meanwhile.
  let folder: String
  /// The registry's web API; nil: it is not asked.
  let api: RegistryAPI?

  /// What a look found.
  struct Found: Sendable {
    var contents: CrateContents
    /// Downloads of the crate, where the registry's web API has told.
    var downloads: Int64?
  }

  /// What is in a version's `.crate`; a bad one has ``CrateContents/problem``.
  /// - Throws: ``RegistryError`` that may pass by itself, or where the registry does not have the bytes: it
  ///   says nothing about the crate.
  func contents(
    of crate: CrateName, _ version: Semver, checksum: CrateChecksum
  ) async throws(RegistryError) -> Found {
    let facts = await facts(of: crate)
    // A library need not be downloaded.
    if let facts, facts.binaries[version.description] == [] {
      return Found(
        contents: CrateContents(
          binaries: [], hasLockfile: false, description: facts.description,
          repository: facts.repository), downloads: facts.downloads)
    }
    do throws(RegistryError) {
      return Found(
        contents: try await look(into: crate, version, checksum), downloads: facts?.downloads)
    } catch {
      if error.isTransient || error.isRefusal { throw error }
      return Found(
        contents: CrateContents(binaries: [], hasLockfile: false, problem: "\(error)"),
        downloads: facts?.downloads)
    }
  }

  /// The API only spares downloads: without its answer the `.crate` tells.
  private func facts(of crate: CrateName) async -> RegistryAPI.Crate? {
    guard let api else { return nil }
    return try? await api.crate(crate)
  }

  private func look(
    into crate: CrateName, _ version: Semver, _ checksum: CrateChecksum
  ) async throws(RegistryError) -> CrateContents {
    let path = "\(folder)/\(Random.token(bytes: 8)).crate"
    defer { unlink(path) }
    try await downloader.download(crate, version, checksum: checksum, to: path)
    return try await offCooperativePool { () throws(RegistryError) in
      try inspectCrate(.file(path: path), name: crate, version: version).contents
    }
  }
}
