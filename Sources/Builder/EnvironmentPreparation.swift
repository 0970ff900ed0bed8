public import BuildPipeline
public import ExecutorKit
import FarmModel
import Foundation

/// An environment made ready on this machine ahead of any build.
public struct EnvironmentPreparation: Sendable {
  public var module: LocalModule
  public var plan: Plan

  /// The longest time without a word from the module, which may be downloading a toolchain.
  private static let silenceLimit = Duration.seconds(1800)

  public init(module: LocalModule, plan: Plan) {
    self.module = module
    self.plan = plan
  }

  /// Runs the preparation to its end.
  /// - Throws: ``HostFailure``, `ExecutorFailure` where the module could not make it, or what
  ///   prevents the work's directory.
  public func run(
    control: HostControl, onEvent: @escaping @Sendable (HostEvent) async -> Void
  ) async throws -> EnvironmentIdentity {
    let work = try await module.begin("prepare")
    let result: Result<EnvironmentIdentity, any Error>
    do {
      result = .success(try await prepare(in: work, control, onEvent))
    } catch { result = .failure(error) }
    await work.remove()
    return try result.get()
  }

  private func prepare(
    in work: LocalWork, _ control: HostControl,
    _ onEvent: @escaping @Sendable (HostEvent) async -> Void
  ) async throws -> EnvironmentIdentity {
    let request = HostPrepareRequest(
      identity: AttemptIdentity(owner: LocalWork.owner, job: 0, attempt: getpid()), plan: plan,
      workDirectory: work.path, filesDirectory: module.filesDirectory,
      cacheDirectory: module.cacheDirectory)
    let final = try await module.run(
      .prepare(request), in: work, silenceLimit: Self.silenceLimit, control: control,
      onEvent: onEvent)
    switch final {
    case .prepared(let identity): return identity
    case .finished(.failed(let failureClass, let message), _):
      throw ExecutorFailure(failureClass, message)
    default:
      throw HostFailure(kind: .malformed, detail: "it answered something else than it was asked")
    }
  }
}
