import Blocking
public import BuildPipeline
import Cryptography
public import ExecutorKit
public import FarmModel
import Foundation

/// One crate built on this machine, exactly as the farm would, without a backend.
public struct LocalBuild: Sendable {
  public var program: HostProgram
  /// The module's shared library.
  public var module: String
  /// `targets/executors`.
  public var filesDirectory: String
  /// What modules keep for all builders of this machine.
  public var cacheDirectory: String
  /// Where the crate store and the build's own directory are.
  public var stateDirectory: String
  public var plan: Plan
  public var sourceURL: String
  public var downloadTemplate: String
  /// 1, or 2 for the same build once more, which shares nothing with the first but the crate store,
  /// and works in a directory of another length.
  public var round = 1
  /// A compile cache shared with other builds; nil: none.
  public var compileCache: CompileCache?

  public init(
    program: HostProgram, module: String, filesDirectory: String, cacheDirectory: String,
    stateDirectory: String, plan: Plan, sourceURL: String, downloadTemplate: String
  ) {
    self.program = program
    self.module = module
    self.filesDirectory = filesDirectory
    self.cacheDirectory = cacheDirectory
    self.stateDirectory = stateDirectory
    self.plan = plan
    self.sourceURL = sourceURL
    self.downloadTemplate = downloadTemplate
  }

  /// This process's own name as an owner: a sweep for it reaches nothing of other builds by hand,
  /// whichever state directory they use.
  static let owner = "local-" + Hex.encode(Random.bytes(5))

  private var identity: AttemptIdentity {
    AttemptIdentity(owner: Self.owner, job: 0, attempt: getpid())
  }

  /// The build's own directory, with `artifacts` in it after a success.
  public var workDirectory: String {
    let inputs = plan.inputs
    let name = "\(inputs.crate)-\(inputs.version)-\(inputs.target)"
    return "\(stateDirectory)/local/\(name)\(round > 1 ? "-once-more" : "")-\(getpid())"
  }

  /// Runs the build. The work directory stays: ``removeWork()`` removes it.
  /// - Throws: ``HostFailure``, or the file system's error where no directory can be made.
  public func run(
    control: HostControl, onEvent: @escaping @Sendable (HostEvent) async -> Void
  ) async throws -> (AttemptOutcome, BuildReport?) {
    let (work, store) = (workDirectory, stateDirectory + "/store")
    try await offCooperativePool {
      for folder in [work, store] {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      }
    }
    let request = HostBuildRequest(
      identity: identity, plan: plan, sourceURL: sourceURL, downloadTemplate: downloadTemplate,
      workDirectory: work, storeDirectory: store, filesDirectory: filesDirectory,
      cacheDirectory: cacheDirectory, hostPartsDirectory: stateDirectory + "/host-parts",
      compileCache: compileCache, isIndependent: round > 1)
    do {
      let final = try await program.run(
        .build(request), module: module,
        silenceLimit: .seconds(plan.limits.timeSeconds) + .seconds(900), control: control,
        errorFile: work + ".stderr", onEvent: onEvent)
      guard case .finished(let outcome, let report) = final else {
        throw HostFailure(kind: .malformed, detail: "it answered something else than it was asked")
      }
      return (outcome, report)
    } catch let failure as HostFailure {
      if failure.mayLeaveThingsBehind { await sweep() }
      throw failure
    }
  }

  /// Removes what a lost child of this process has left behind.
  private func sweep() async {
    _ = try? await program.run(
      .sweep(SweepRequest(owner: Self.owner, alive: [])), module: module,
      silenceLimit: .seconds(60),
      control: HostControl(), errorFile: workDirectory + ".sweep.stderr")
  }

  /// Moves the artifacts into a directory, which is made where it is missing.
  /// - Returns: Their new paths.
  public func moveArtifacts(_ artifacts: [ArtifactReport], to directory: String) async throws
    -> [String]
  {
    let source = workDirectory + "/artifacts"
    return try await offCooperativePool {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      return try artifacts.map { artifact in
        guard ArtifactName.isSafe(artifact.name) else {
          throw BuilderSetupError("the host names an unsafe file “\(artifact.name)”")
        }
        let path = directory + "/" + artifact.name
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: source + "/" + artifact.name, toPath: path)
        return path
      }
    }
  }

  /// Writes what two builds have shown into the metadata file of the first.
  ///
  /// - Parameter directory: Where ``moveArtifacts(_:to:)`` has put it.
  /// - Returns: The report with the file's new size and digest.
  public func record(
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

  /// Removes the work directory.
  public func removeWork() async {
    let work = workDirectory
    _ = await offCooperativePool { removeTree(work) }
  }
}
