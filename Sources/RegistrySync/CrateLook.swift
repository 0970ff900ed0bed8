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

  /// What is in a version's `.crate`; a bad one has ``CrateContents/problem``.
  /// - Throws: ``RegistryError`` that may pass by itself: it says nothing about the crate.
  func contents(of version: RegistryVersion) async throws(RegistryError) -> CrateContents {
    do throws(RegistryError) {
      return try await look(into: version)
    } catch {
      if error.isTransient { throw error }
      return CrateContents(binaries: [], hasLockfile: false, problem: "\(error)")
    }
  }

  private func look(into version: RegistryVersion) async throws(RegistryError) -> CrateContents {
    guard let checksum = CrateChecksum(version.checksum) else {
      throw .wrongChecksum(crate: "\(version.crate)", expected: version.checksum, found: "none")
    }
    let path = "\(folder)/\(Random.token(bytes: 8)).crate"
    defer { unlink(path) }
    try await downloader.download(version.crate, version.version, checksum: checksum, to: path)
    return try await offCooperativePool { () throws(RegistryError) in
      try inspectCrate(.file(path: path), name: version.crate, version: version.version).contents
    }
  }
}
