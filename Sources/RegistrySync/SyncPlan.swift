import Cryptography
import FarmModel
import Foundation

/// What one crate's index file makes of what was remembered: the lines to send, and what to remember
/// when the backend has acknowledged them. Pure.
struct SyncPlan: Sendable, Equatable {
  /// New and changed versions, in the order of the index.
  var records: [RegistryVersion]
  /// What to remember afterwards.
  var state: CrateState

  /// - Parameters:
  ///   - versions: what the index file says, without contents.
  ///   - old: what is remembered of the crate.
  ///   - contents: what is known of `.crate` files, by checksum.
  init(versions: [RegistryVersion], old: CrateState, contents: [String: CrateContents]) {
    records = []
    state = CrateState()
    for var version in versions {
      version.contents = contents[version.checksum]
      state.contents[version.checksum] = version.contents
      let digest = Self.digest(of: version)
      let name = version.version.description
      if old.versions[name] != digest { records.append(version) }
      state.versions[name] = digest
    }
  }

  /// The version that is looked into: the newest that is not yanked, as `latest` means it.
  static func newest(of versions: [RegistryVersion]) -> RegistryVersion? {
    let unyanked = versions.filter { !$0.yanked }
    guard let latest = unyanked.lazy.map(\.version).latest else { return nil }
    return unyanked.last { $0.version == latest }
  }

  /// 16 digits of a line's digest. Not a secret's protection: a change must only be noticed.
  static func digest(of version: RegistryVersion) -> String {
    let line = (try? CanonicalJSON.encode(RegistryRecord.version(version))) ?? Data()
    return String(SHA256.hex(of: line).prefix(16))
  }
}
