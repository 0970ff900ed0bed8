import Database
import FarmModel
import Hummingbird

/// Finds what the parts of a path name.
struct CrateLookup: Sendable {
  let database: FarmDatabase

  func crate(_ context: BackendContext) async throws -> StoredCrate {
    let name = try context.part("crate")
    guard CrateName(name) != nil, let crate = try await database.crate(named: name) else {
      throw Problem.notFound("there is no crate “\(name.prefix(64))” that the farm knows")
    }
    return crate
  }

  /// `latest` is the highest unyanked stable version, else the highest pre-release.
  func version(of crate: StoredCrate, _ name: String) async throws -> StoredVersion {
    let versions = try await database.versions(ofCrate: crate.id)
    let wanted =
      name == "latest" ? Self.latest(versions)?.description : Semver(name)?.description
    guard let wanted, let version = versions.first(where: { $0.version == wanted }) else {
      throw Problem.notFound("\(crate.name) has no version “\(name.prefix(64))”")
    }
    return version
  }

  func status(of crate: StoredCrate, _ version: StoredVersion) async throws -> [TargetStatus] {
    try await database.targetStatus(ofCrate: crate.id).filter { $0.versionID == version.id }
  }

  /// The served build of a version and target.
  func build(crate: StoredCrate, version: StoredVersion, target: String) async throws
    -> StoredBuild?
  {
    let status = try await status(of: crate, version).first { $0.target == target }
    guard let id = status?.buildID else { return nil }
    return try await database.build(id)
  }

  func target(_ context: BackendContext) throws -> TargetTriple {
    let text = try context.part("target")
    guard let target = TargetTriple(text) else {
      throw Problem.notFound("“\(text.prefix(64))” is no target triple")
    }
    return target
  }

  static func latest(_ versions: [StoredVersion]) -> Semver? {
    latest(of: versions.filter { !$0.yanked && !$0.isDeleted }.map(\.version))
  }

  static func latest(of versions: [String]) -> Semver? { versions.compactMap { Semver($0) }.latest }
}
