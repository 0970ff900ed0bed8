import Blocking
public import BuildPipeline
import Cryptography
public import ExecutorKit
public import FarmModel
import Foundation

/// One crate built on this machine, exactly as the farm would, without a backend.
public struct LocalBuild: Sendable {
  public var module: LocalModule
  public var plan: Plan
  public var sourceURL: String
  public var downloadTemplate: String
  /// 1, or 2 for the same build once more, which shares nothing with the first but the crate store,
  /// and works in a directory of another length.
  public var round = 1
  /// A compile cache shared with other builds; nil: none.
  public var compileCache: CompileCache?

  public init(module: LocalModule, plan: Plan, sourceURL: String, downloadTemplate: String) {
    self.module = module
    self.plan = plan
    self.sourceURL = sourceURL
    self.downloadTemplate = downloadTemplate
  }

  private var identity: AttemptIdentity {
    AttemptIdentity(owner: LocalWork.owner, job: 0, attempt: getpid())
  }

  /// Makes the build's own directory, with `artifacts` in it after a success.
  /// - Throws: The file system's error, or ``BuilderSetupError``, where it cannot be made.
  public func begin() async throws -> LocalWork {
    let inputs = plan.inputs
    let name = "\(inputs.crate)-\(inputs.version)-\(inputs.target)"
    return try await module.begin(round > 1 ? name + "-once-more" : name)
  }

  /// Runs the build. The work stays: the caller removes it.
  /// - Throws: ``HostFailure``.
  public func run(
    in work: LocalWork, control: HostControl,
    onEvent: @escaping @Sendable (HostEvent) async -> Void
  ) async throws -> (AttemptOutcome, BuildReport?) {
    let request = HostBuildRequest(
      identity: identity, plan: plan, sourceURL: sourceURL, downloadTemplate: downloadTemplate,
      workDirectory: work.path, storeDirectory: module.stateDirectory + "/store",
      filesDirectory: module.filesDirectory, cacheDirectory: module.cacheDirectory,
      hostPartsDirectory: module.stateDirectory + "/host-parts", compileCache: compileCache,
      isIndependent: round > 1)
    let final = try await module.run(
      .build(request), in: work,
      silenceLimit: .seconds(plan.limits.timeSeconds) + .seconds(900), control: control,
      onEvent: onEvent)
    guard case .finished(let outcome, let report) = final else {
      throw HostFailure(kind: .malformed, detail: "it answered something else than it was asked")
    }
    return (outcome, report)
  }

  /// Moves the artifacts into a directory, which is made where it is missing.
  /// - Returns: Their new paths.
  public static func move(
    _ artifacts: [ArtifactReport], from work: LocalWork, to directory: String
  ) async throws -> [String] {
    let source = work.path + "/artifacts"
    return try await offCooperativePool {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      return try artifacts.map { artifact in
        guard ArtifactName.isSafe(artifact.name) else {
          throw BuilderSetupError("the host names an unsafe file “\(artifact.name)”")
        }
        let path = directory + "/" + artifact.name
        // A folder in the way is somebody's, and no artifact of an earlier build.
        guard unlink(path) == 0 || errno == ENOENT else {
          throw BuilderSetupError(
            "\(path) is in the way and cannot be replaced: \(String(cString: strerror(errno)))")
        }
        try FileManager.default.moveItem(atPath: source + "/" + artifact.name, toPath: path)
        return path
      }
    }
  }

  /// Writes what two builds have shown into the metadata file of the first.
  ///
  /// - Parameter directory: Where ``moveArtifacts(_:to:)`` has put it.
  /// - Returns: The report with the file's new size and digest.
  public static func record(
    _ finding: ReproducibilityFinding, of report: BuildReport, in directory: String
  ) async throws -> BuildReport {
    guard let index = report.artifacts.firstIndex(where: { $0.kind == .metadata }) else {
      return report
    }
    let path = directory + "/" + report.artifacts[index].name
    var whole = report
    whole.artifacts[index] = try await offCooperativePool {
      let data = try Data(contentsOf: URL(filePath: path))
      guard var document = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
        throw BuilderSetupError("\(path) is no metadata file")
      }
      document["reproducibility"] =
        ["differing": finding.differing, "verdict": finding.verdict.rawValue] as [String: Any]
      let text = try JSONSerialization.data(
        withJSONObject: document,
        options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
      try (text + Data("\n".utf8)).write(to: URL(filePath: path), options: .atomic)
      var artifact = report.artifacts[index]
      (artifact.sha256, artifact.size) = try SHA256.hex(ofFile: path)
      return artifact
    }
    return whole
  }
}
