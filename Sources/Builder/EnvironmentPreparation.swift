import Blocking
public import BuildPipeline
public import ExecutorKit
import FarmModel
import Foundation

/// An environment made ready on this machine ahead of any build.
public struct EnvironmentPreparation: Sendable {
  public var program: HostProgram
  /// The module's shared library.
  public var module: String
  /// `targets/executors`.
  public var filesDirectory: String
  /// What modules keep for all builders of this machine.
  public var cacheDirectory: String
  /// Where the module gets a directory for the time of the preparation.
  public var stateDirectory: String
  public var plan: Plan

  /// The longest time without a word from the module, which may be downloading a toolchain.
  private static let silenceLimit = Duration.seconds(1800)

  public init(
    program: HostProgram, module: String, filesDirectory: String, cacheDirectory: String,
    stateDirectory: String, plan: Plan
  ) {
    self.program = program
    self.module = module
    self.filesDirectory = filesDirectory
    self.cacheDirectory = cacheDirectory
    self.stateDirectory = stateDirectory
    self.plan = plan
  }

  /// Runs the preparation to its end.
  /// - Throws: ``HostFailure``, or `ExecutorFailure` where the module could not make it.
  public func run(
    control: HostControl, onEvent: @escaping @Sendable (HostEvent) async -> Void
  ) async throws -> EnvironmentIdentity {
    let work = "\(stateDirectory)/local/prepare-\(getpid())"
    try await offCooperativePool {
      try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: true)
    }
    let result: Result<EnvironmentIdentity, any Error>
    do {
      result = .success(try await prepare(in: work, control, onEvent))
    } catch { result = .failure(error) }
    _ = await offCooperativePool { removeTree(work) }
    return try result.get()
  }

  private func prepare(
    in work: String, _ control: HostControl,
    _ onEvent: @escaping @Sendable (HostEvent) async -> Void
  ) async throws -> EnvironmentIdentity {
    let request = HostPrepareRequest(
      identity: AttemptIdentity(owner: LocalBuild.owner, job: 0, attempt: getpid()), plan: plan,
      workDirectory: work, filesDirectory: filesDirectory, cacheDirectory: cacheDirectory)
    let final = try await program.run(
      .prepare(request), module: module, silenceLimit: Self.silenceLimit, control: control,
      errorFile: work + ".stderr", onEvent: onEvent)
    switch final {
    case .prepared(let identity): return identity
    case .finished(.failed(let failureClass, let message), _):
      throw ExecutorFailure(failureClass, message)
    default:
      throw HostFailure(kind: .malformed, detail: "it answered something else than it was asked")
    }
  }
}
