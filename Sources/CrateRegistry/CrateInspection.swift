public import Archives
public import FarmModel
import Recipes

/// What a look into a `.crate` found, without unpacking it to the disk.
public struct CrateInspection: Sendable, Equatable {
  /// The package's manifest.
  public let manifest: Manifest
  /// All files, relative to the package's folder.
  public let files: [String]
  /// The binaries that the package can build.
  public let binaries: [BinaryTarget]

  /// Whether the author published a `Cargo.lock`.
  public var hasLockfile: Bool { files.contains("Cargo.lock") }

  /// The part that the registry sync reports.
  public var contents: CrateContents {
    CrateContents(
      binaries: binaries.map { .init(name: $0.name, requiredFeatures: $0.requiredFeatures) },
      hasLockfile: hasLockfile, description: manifest.description,
      repository: manifest.repository, license: manifest.license,
      metadata: AuthorMetadata(
        buildsrs: manifest.buildsrsMetadata, binstall: manifest.binstallMetadata,
        knownBinaries: binaries.map(\.name)))
  }
}

/// The largest `Cargo.toml` that is read, in bytes.
private let manifestLimit = 4 << 20

/// Reads a `.crate` through: its manifest and the names of its files. Blocks on the disk.
///
/// All that `unpackCrate` refuses is refused here, too.
public func inspectCrate(
  _ source: ArchiveSource, name: CrateName, version: Semver, limits: ArchiveLimits = .init()
) throws(RegistryError) -> CrateInspection {
  let crate = "\(name) \(version)"
  let (files, toml) = try readCrate(source, root: "\(name)-\(version)", crate, limits)
  guard let toml else { throw .noManifest(crate: crate) }
  let manifest: Manifest
  do throws(ManifestError) {
    manifest = try Manifest(toml: toml)
  } catch {
    throw .manifest(crate: crate, error)
  }
  guard manifest.name == name, manifest.version == version else {
    throw .wrongPackage(crate: crate, found: "\(manifest.name) \(manifest.version)")
  }
  return CrateInspection(
    manifest: manifest, files: files, binaries: manifest.binaryTargets(files: files))
}

private func readCrate(
  _ source: ArchiveSource, root: String, _ crate: String, _ limits: ArchiveLimits
) throws(RegistryError) -> (files: [String], toml: [UInt8]?) {
  var files: [String] = []
  var toml: [UInt8]?
  do throws(ArchiveError) {
    try readTarGz(from: source, limits: limits) { (entry, content) throws(ArchiveError) in
      guard let path = try entry.path(relativeTo: root), !entry.isDirectory else { return }
      files.append(path)
      if path == "Cargo.toml" { toml = try content.bytes(limit: manifestLimit) }
    }
  } catch {
    throw .archive(crate: crate, error)
  }
  return (files, toml)
}
