import ExecutorKit
import FarmModel
import Foundation

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
