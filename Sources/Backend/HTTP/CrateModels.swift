import Database
import ExecutorKit
import FarmModel
import Foundation

/// A page of the search.
struct SearchPage: Encodable {
  struct Entry: Encodable {
    var name: String
    var description: String?
    var newestVersion: String?
    var targets: [String]
  }
  var crates: [Entry]
  /// What `cursor` must be for the next page; nil: this is the last one.
  var nextCursor: String?
}

/// A crate with its versions.
struct CratePage: Encodable {
  struct Version: Encodable {
    var version: String
    var yanked: Bool
    /// The registry's index has it no more.
    var deleted: Bool
    var publishedAt: Date?
    var hasBinaries: Bool?
    /// The state by target.
    var targets: [String: String]
  }
  var name: String
  var description: String?
  var repository: String?
  var license: String?
  var newestVersion: String?
  var versions: [Version]
}

/// A version with what there is of it for each target.
struct VersionPage: Encodable {
  struct Target: Encodable {
    var target: String
    var state: String
    /// What is published is only checked once more, which waits, runs or has failed; nil: no.
    var isCheck: Bool?
    /// Why nothing is built.
    var reason: String?
    var job: Int64?
    /// How many jobs come before it.
    var queuePosition: Int?
    /// Why a waiting job waits.
    var why: String?
    /// An estimate, from what jobs of the target have taken of late.
    var startsInSeconds: Double?
    var failure: Failure?
    var artifacts: [Artifact]
  }
  var crate: String
  var version: String
  var checksum: String
  var yanked: Bool
  var deleted: Bool
  var publishedAt: Date?
  var contents: CrateContents?
  var targets: [Target]
}

struct Failure: Encodable {
  var failureClass: String
  var message: String

  init?(_ failureClass: String?, _ message: String?) {
    guard let failureClass, let message else { return nil }
    self.failureClass = failureClass
    self.message = message
  }
}

/// A version for one target.
struct TargetPage: Encodable {
  var crate: String
  var version: String
  var target: String
  var state: String
  /// What is published is only checked once more, which waits, runs or has failed; nil: no.
  var isCheck: Bool?
  var reason: String?
  var job: Int64?
  var failure: Failure?
  var build: Build?
  var artifacts: [Artifact]
}

extension TargetPage {
  /// Somebody has asked for it, and there is no job yet.
  static let queued = "queued"
  static let lookedIntoFirst =
    "asked for: nobody has looked yet whether the version has a binary, which comes first"
}

/// A published build.
struct Build: Encodable {
  var revision: Int
  var job: Int64
  var attempt: Int32
  var planDigest: String
  var publishedAt: Date
  var toolchain: String
  var environment: EnvironmentIdentity
  var glibcFloor: String?
  var reproducibility: String
  /// What a second build by another builder has shown; nil: there was none yet.
  var verification: Verification?
  /// All shared libraries that the binaries need.
  var libraries: [String]
  /// With the smoke runs of the last check.
  var binaries: [BinaryReport]
  /// When it was last checked after it was published, because its recipe asks for other checks; nil: never.
  var checkedAt: Date?
  var leftOut: [LeftOutBinary]
  /// By stage.
  var seconds: [String: Double]

  struct Verification: Encodable {
    var job: Int64
    var verdict: String
    /// Names of files and binaries that differ.
    var differing: [String]
    var environmentDigest: String
    var verifiedAt: Date

    init(_ stored: StoredVerification) {
      job = stored.job
      verdict = stored.verdict
      differing = stored.differing
      environmentDigest = stored.environmentDigest
      verifiedAt = stored.verifiedAt
    }
  }

  init(_ build: StoredBuild) throws {
    let report = try JSONDecoder().decode(BuildReport.self, from: Data(build.report.utf8))
    revision = build.revision
    job = build.jobID
    attempt = build.attempt
    planDigest = build.planDigest
    publishedAt = build.publishedAt
    toolchain = build.toolchain
    environment = report.environment
    glibcFloor = build.glibcFloor
    reproducibility = build.reproducibility
    verification = build.verification.map(Verification.init)
    libraries = Set(report.binaries.flatMap(\.inspection.needed)).sorted()
    binaries = build.check?.binaries ?? report.binaries
    checkedAt = build.check?.checkedAt
    leftOut = report.leftOut
    seconds = report.seconds
  }
}

/// A published file.
struct Artifact: Encodable {
  var name: String
  var kind: String
  var size: Int64
  var sha256: String
  var url: String
  var signatureURL: String
  /// The text of the `.minisig` file.
  var signature: String
  var keyID: String

  private enum CodingKeys: String, CodingKey {
    case name, kind, size, sha256, url, signature
    case signatureURL = "signature_url"
    case keyID = "key_id"
  }

  init(_ artifact: StoredArtifact, url: String) {
    name = artifact.name
    kind = artifact.kind
    size = artifact.size
    sha256 = artifact.sha256
    self.url = url
    signatureURL = url + ".minisig"
    signature = artifact.signature
    keyID = artifact.keyID
  }
}

extension StoredArtifact {
  /// Where the bytes are: an address that never gets other ones.
  var path: String { Self.path(sha256: sha256, name: name) }

  static func path(sha256: String, name: String) -> String {
    "/api/v1/artifacts/\(sha256)/\(name.replacing("+", with: "%2B"))"
  }
}
