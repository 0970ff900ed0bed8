import Archives
import Cryptography
import ExecutorKit
import FarmModel
import Foundation

/// Makes the files that are published.
struct PackageStage: Sendable {
  let inputs: BuildInputs
  let folders: AttemptFolders

  /// Writes archive and metadata, and returns them with their digests. Blocks on the disk.
  /// - Throws: ``ExecutorFailure``.
  func write(
    _ binaries: [BuiltBinary], facts: BuildReport
  ) throws(ExecutorFailure) -> [ArtifactReport] {
    do {
      let archive = try writeArchive(binaries)
      let metadata = try writeMetadata(facts, archive: archive)
      return [archive, metadata]
    } catch let failure as ExecutorFailure {
      throw failure
    } catch {
      throw ExecutorFailure(.infrastructure, "cannot write the artifacts: \(error)")
    }
  }

  private func writeArchive(_ binaries: [BuiltBinary]) throws -> ArtifactReport {
    let name = ArtifactName.archive(
      crate: inputs.crate, version: inputs.version, target: inputs.target)
    let programs = binaries.map {
      ArchiveInput(path: $0.name, isExecutable: true, content: .file(path: $0.path))
    }
    let texts = PackageContents.files(
      inCrate: folders.crate, binaries: Set(binaries.map(\.name)))
    try writeReproducibleTarGz(
      entries: programs + texts, to: "\(folders.artifacts)/\(name)",
      modificationTime: inputs.sourceDateEpoch)
    return try report(name, .binary)
  }

  private func writeMetadata(
    _ facts: BuildReport, archive: ArtifactReport
  ) throws -> ArtifactReport {
    let name = ArtifactName.metadata(
      crate: inputs.crate, version: inputs.version, target: inputs.target)
    let document = MetadataDocument(inputs: inputs, facts: facts, archive: archive)
    try document.encoded().write(to: URL(filePath: "\(folders.artifacts)/\(name)"))
    return try report(name, .metadata)
  }

  private func report(_ name: String, _ kind: ArtifactKind) throws -> ArtifactReport {
    let (hex, size) = try SHA256.hex(ofFile: "\(folders.artifacts)/\(name)")
    return ArtifactReport(name: name, kind: kind, size: size, sha256: hex)
  }
}

/// The metadata file: what is known about a build, without anything that differs from one run to the
/// next (times), so that equal builds have equal metadata.
struct MetadataDocument: Encodable {
  let schema = 1
  let crate: String
  let version: String
  let target: String
  let sourceSha256: String
  let features: [String]
  let defaultFeatures: Bool
  let environment: EnvironmentIdentity
  let glibcFloor: String?
  let binaries: [BinaryReport]
  let leftOut: [LeftOutBinary]
  let archive: ArtifactReport

  init(inputs: BuildInputs, facts: BuildReport, archive: ArtifactReport) {
    crate = inputs.crate
    version = inputs.version
    target = inputs.target
    sourceSha256 = inputs.checksum
    features = inputs.features
    defaultFeatures = inputs.usesDefaultFeatures
    environment = facts.environment
    glibcFloor = facts.glibcFloor
    binaries = facts.binaries
    leftOut = facts.leftOut
    self.archive = archive
  }

  /// JSON for people and programs: snake_case as everywhere in the API.
  func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data("\n".utf8)
  }
}
