import Archives
import CrateRegistry
import Cryptography
import ExecutorKit
import FarmModel
import Foundation

/// Makes the files that are published.
struct PackageStage: Sendable {
  let inputs: BuildInputs
  let folders: AttemptFolders
  let manifest: Manifest
  let log: AttemptLog

  /// Writes archive, Debian package where the target has one, bill of materials and metadata, and
  /// returns them with their digests. Blocks on the disk.
  /// - Throws: ``ExecutorFailure``.
  func write(
    _ binaries: [BuiltBinary], facts: BuildReport
  ) throws(ExecutorFailure) -> [ArtifactReport] {
    do {
      let texts = PackageContents.files(
        inCrate: folders.crate, generated: folders.generated, manifest: manifest,
        binaries: Set(binaries.map(\.name)))
      let archive = try writeArchive(binaries, texts)
      let debian = try writeDebian(binaries, texts, facts)
      let bill = try writeBillOfMaterials(facts)
      let metadata = try writeMetadata(facts, archive: archive)
      return [archive] + (debian.map { [$0] } ?? []) + [bill, metadata]
    } catch let failure as ExecutorFailure {
      throw failure
    } catch {
      throw ExecutorFailure(.infrastructure, "cannot write the artifacts: \(error)")
    }
  }

  private func writeArchive(
    _ binaries: [BuiltBinary], _ texts: [ArchiveInput]
  ) throws -> ArtifactReport {
    let name = ArtifactName.archive(
      crate: inputs.crate, version: inputs.version, target: inputs.target)
    let programs = binaries.map {
      ArchiveInput(path: $0.name, isExecutable: true, content: .file(path: $0.path))
    }
    try writeReproducibleTarGz(
      entries: programs + texts, to: path(name), modificationTime: inputs.sourceDateEpoch)
    return try report(name, .binary)
  }

  /// Nil, and a line in the log, where Debian has no such package.
  private func writeDebian(
    _ binaries: [BuiltBinary], _ texts: [ArchiveInput], _ facts: BuildReport
  ) throws -> ArtifactReport? {
    guard let architecture = DebianName.architecture(target: inputs.target) else { return nil }
    guard let package = DebianName.package(crate: inputs.crate),
      let name = ArtifactName.debian(
        crate: inputs.crate, version: inputs.version, target: inputs.target)
    else {
      log.line("no Debian package: “\(inputs.crate)” is no name of one, or of Debian's base system")
      return nil
    }
    let dependencies: [String]
    do throws(DebianDependencies.UnknownLibraries) {
      dependencies = try DebianDependencies.of(
        needed: Set(facts.binaries.flatMap(\.inspection.needed)), glibcFloor: facts.glibcFloor)
    } catch {
      let names = PlainText.line(error.names.joined(separator: ", "), limit: 500)
      log.line("no Debian package: it is not known which packages have \(names)")
      return nil
    }
    let maker = DebianPackage(
      inputs: inputs, manifest: manifest, binaries: binaries, texts: texts,
      scratch: folders.artifacts)
    try maker.write(
      to: path(name), named: package, architecture: architecture, dependencies: dependencies)
    return try report(name, .debian)
  }

  private func writeBillOfMaterials(_ facts: BuildReport) throws -> ArtifactReport {
    let name = ArtifactName.sbom(
      crate: inputs.crate, version: inputs.version, target: inputs.target)
    let bill = BillOfMaterials(
      inputs: inputs, manifest: manifest, lockfile: try Lockfile(ofCrateIn: folders.crate),
      facts: facts
    ) { licence(of: $0) }
    try bill.encoded().write(to: URL(filePath: path(name)))
    return try report(name, .sbom)
  }

  /// What the manifest of a package in the crate store says; nil where it cannot be read.
  private func licence(of package: LockedPackage) -> String? {
    guard let checksum = package.checksum,
      let bytes = FileManager.default.contents(
        atPath: "\(folders.store)/\(checksum.storePath)/Cargo.toml")
    else { return nil }
    return try? Manifest(toml: bytes).license
  }

  private func writeMetadata(
    _ facts: BuildReport, archive: ArtifactReport
  ) throws -> ArtifactReport {
    let name = ArtifactName.metadata(
      crate: inputs.crate, version: inputs.version, target: inputs.target)
    let document = MetadataDocument(inputs: inputs, facts: facts, archive: archive)
    try document.encoded().write(to: URL(filePath: path(name)))
    return try report(name, .metadata)
  }

  private func path(_ name: String) -> String { "\(folders.artifacts)/\(name)" }

  private func report(_ name: String, _ kind: ArtifactKind) throws -> ArtifactReport {
    let (hex, size) = try SHA256.hex(ofFile: path(name))
    return ArtifactReport(name: name, kind: kind, size: size, sha256: hex)
  }
}
