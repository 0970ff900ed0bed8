public import FarmModel
import Foundation

extension CrateStore {
  /// Lays packages out as a Cargo directory source: one symbolic link `NAME-VERSION` each.
  ///
  /// The links lead to where the store is mounted in the environment, so that outside of it they
  /// may lead nowhere. Blocks on the disk, shortly. The packages need not be in the store yet.
  /// - Parameters:
  ///   - packages: each name and version once.
  ///   - vendorFolder: made when it is missing.
  ///   - storeInEnvironment: the path of the store there, such as `/build/store`.
  public nonisolated static func layOut(
    _ packages: [(name: CrateName, version: Semver, checksum: CrateChecksum)],
    into vendorFolder: String, storeInEnvironment: String
  ) throws(RegistryError) {
    try makeFolder(vendorFolder)
    for (name, version, checksum) in packages {
      let link = "\(vendorFolder)/\(name)-\(version)"
      guard symlink("\(storeInEnvironment)/\(checksum.storePath)", link) == 0 else {
        throw failedCall("create", link)
      }
    }
  }
}
