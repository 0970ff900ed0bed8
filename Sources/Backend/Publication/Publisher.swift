import ArtifactStorage
import Cryptography
import Database
import ExecutorKit
import FarmModel
import Foundation
import Signing

/// Why what a builder uploaded cannot be published: its own mistake.
enum PublicationProblem: Error, Sendable, Equatable, CustomStringConvertible {
  case noArchive(expected: String)
  case nameTwice(String)
  case notUploaded(String)
  case differs(String)
  case otherBinaries(String)

  var description: String {
    switch self {
    case .noArchive(let name): "the report names no binary archive \(name)"
    case .nameTwice(let name): "the report names \(name) twice"
    case .notUploaded(let name): "\(name) is in the report, but was not uploaded"
    case .differs(let name): "\(name) was uploaded with another size or SHA-256 than reported"
    case .otherBinaries(let names):
      "the binaries that were checked are not the published ones: \(names)"
    }
  }
}

/// Publishes an attempt's uploads: check, sign, write under the content's key, then one transaction.
///
/// Every step may be repeated: until the transaction nothing is visible, and content keys hold the
/// same bytes whoever writes them.
struct Publisher: Sendable {
  let database: FarmDatabase
  let storage: any ArtifactStore
  let signingKey: SigningKey
  /// Which share of the published builds is built once more by another builder, 0 to 1.
  let verifyShare: Double

  /// - Throws: ``PublicationProblem``; `StorageError`; `PostgresError`.
  func publish(job: Int64, attempt: Int32, report: BuildReport, builder: Int64) async throws
    -> PublicationOutcome
  {
    let obstacle = try await database.publicationObstacle(
      builder: builder, job: job, attempt: attempt)
    if let obstacle { return obstacle }
    guard let stored = try await database.job(job) else { return .stale }
    if stored.isOnlyCheck, report.artifacts.isEmpty, let build = stored.buildID {
      return try await check(report, of: build, job: job, attempt: attempt, builder: builder)
    }
    let uploads = try await database.uploads(job: job, attempt: attempt)
    try Self.check(report, against: uploads, archive: stored.archiveName)
    if let build = stored.verifies {
      return try await compare(
        report, with: build, job: job, attempt: attempt, builder: builder)
    }
    let byName = Dictionary(uploads.map { ($0.name, $0) }) { first, _ in first }
    let contents = report.artifacts.map(\.sha256)
    try await waitUntilNotDeleted(contents)
    var artifacts: [SignedArtifact] = []
    for artifact in report.artifacts {
      guard let upload = byName[artifact.name] else {
        throw PublicationProblem.notUploaded(artifact.name)
      }
      artifacts.append(try await sign(artifact, upload))
    }
    let outcome = try await database.publish(
      builder: builder, job: job, attempt: attempt, report: report, artifacts: artifacts,
      verify: Double.random(in: 0..<1) < verifyShare)
    // The lease was lost while the files were copied.
    if outcome == .stale { try await database.noteOrphans(contents) }
    return outcome
  }

  /// The same bytes may have been left by another attempt, and are being tidied up: that takes a moment,
  /// or until another backend does it where one has died at it.
  private func waitUntilNotDeleted(_ contents: [String]) async throws {
    while try await database.isBeingDeleted(contents) {
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// Holds what a verifying attempt has made against the published build.
  private func compare(
    _ report: BuildReport, with build: Int64, job: Int64, attempt: Int32, builder: Int64
  ) async throws -> PublicationOutcome {
    guard let stored = try await database.build(build) else { return .stale }
    let published = try JSONDecoder().decode(BuildReport.self, from: Data(stored.report.utf8))
    return try await database.recordVerification(
      builder: builder, job: job, attempt: attempt, build: build,
      finding: ReproducibilityFinding(comparing: published, with: report),
      environment: report.environment.digest)
  }

  /// Takes what a check of the published build has shown, where it is about the same binaries.
  private func check(
    _ report: BuildReport, of build: Int64, job: Int64, attempt: Int32, builder: Int64
  ) async throws -> PublicationOutcome {
    guard let stored = try await database.build(build) else { return .stale }
    let published = try JSONDecoder().decode(BuildReport.self, from: Data(stored.report.utf8))
    var checked = report
    checked.binaries = try Self.checked(published.binaries, report.binaries)
    return try await database.recordCheck(
      builder: builder, job: job, attempt: attempt, build: build, report: checked)
  }

  /// The published binaries with the smoke runs of a check, of which nothing else is taken over.
  static func checked(
    _ published: [BinaryReport], _ found: [BinaryReport]
  ) throws(PublicationProblem) -> [BinaryReport] {
    let names = found.map { "\($0.name) \($0.sha256)" }.sorted()
    guard names == published.map({ "\($0.name) \($0.sha256)" }).sorted() else {
      throw .otherBinaries(found.map(\.name).joined(separator: ", "))
    }
    return published.map { binary in
      var binary = binary
      binary.smoke = found.first { $0.name == binary.name }?.smoke ?? []
      return binary
    }
  }

  /// Whether the report and the uploads are the same files.
  static func check(_ report: BuildReport, against uploads: [StoredUpload], archive: String)
    throws(PublicationProblem)
  {
    let byName = Dictionary(uploads.map { ($0.name, $0) }) { first, _ in first }
    var names: Set<String> = []
    for artifact in report.artifacts {
      guard names.insert(artifact.name).inserted else { throw .nameTwice(artifact.name) }
      guard let upload = byName[artifact.name] else { throw .notUploaded(artifact.name) }
      guard upload.size == artifact.size, upload.sha256 == artifact.sha256 else {
        throw .differs(artifact.name)
      }
    }
    guard report.artifacts.contains(where: { $0.name == archive && $0.kind == .binary }) else {
      throw .noArchive(expected: archive)
    }
  }

  /// Reads the upload once more, so that what is signed is what lies in storage.
  private func sign(_ artifact: ArtifactReport, _ upload: StoredUpload) async throws
    -> SignedArtifact
  {
    let source = try StorageKey(upload.storageKey)
    let blake = Digest(.blake2b512)
    let sha = Digest(.sha256)
    let object: StoredObject
    do { object = try await storage.read(source, range: nil) } catch StorageError.notFound {
      throw PublicationProblem.notUploaded(artifact.name)
    }
    for try await piece in object.bytes {
      blake.update(piece)
      sha.update(piece)
    }
    guard Hex.encode(sha.finalize()) == artifact.sha256 else {
      throw PublicationProblem.differs(artifact.name)
    }
    try await storage.copy(from: source, to: try StorageKey.artifact(sha256: artifact.sha256))
    let comment = TrustedComment(
      timestamp: Int64(Date().timeIntervalSince1970), file: artifact.name,
      sha256: artifact.sha256)
    let signature = signingKey.sign(fileDigest: blake.finalize(), trustedComment: comment)
    return SignedArtifact(
      report: artifact, signature: signature, keyID: signingKey.publicKey.keyID)
  }
}

extension StoredJob {
  /// The name of the archive that every build of the job must have.
  var archiveName: String {
    ArtifactName.archive(crate: crate, version: version, target: target)
  }
}
