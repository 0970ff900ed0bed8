/// The version of this kit's interface: raised on every change that a module compiled before it
/// would not survive.
public let executorKitVersion: Int32 = 2

/// The kit's version as compiled into whoever calls it, so that a module tells what it was *built*
/// with, not what it happens to be linked to.
@inlinable public func executorKitVersionAtBuild() -> Int32 { 2 }

/// The one symbol that a module exports, of type ``ExecutorModuleEntry``.
public let executorModuleSymbol = "buildsrs_executor_module"

/// What the host calls first: it tells its kit version, the module writes the one that it was built
/// with, and answers nil where they differ, else a retained ``ExecutorModuleBox``.
public typealias ExecutorModuleEntry =
  @convention(c) (
    _ hostVersion: Int32, _ moduleVersion: UnsafeMutablePointer<Int32>
  ) -> UnsafeMutableRawPointer?

/// An executor module as one object, since only a pointer passes through a C function.
public final class ExecutorModuleBox: Sendable {
  public let module: any ExecutorModule
  public init(_ module: any ExecutorModule) { self.module = module }
}

/// The body of every module's entry point:
///
/// ```swift
/// @_cdecl("buildsrs_executor_module")
/// public func entry(_ host: Int32, _ own: UnsafeMutablePointer<Int32>) -> UnsafeMutableRawPointer? {
///   exportExecutorModule(host, own) { MyModule() }
/// }
/// ```
@inlinable public func exportExecutorModule(
  _ hostVersion: Int32, _ moduleVersion: UnsafeMutablePointer<Int32>,
  _ make: () -> any ExecutorModule
) -> UnsafeMutableRawPointer? {
  moduleVersion.pointee = executorKitVersionAtBuild()
  guard hostVersion == executorKitVersionAtBuild() else { return nil }
  return Unmanaged.passRetained(ExecutorModuleBox(make())).toOpaque()
}

/// A plug-in that provides the environment in which a plan's commands run.
///
/// The host calls a module in a child process of its own, one a build, so a module that crashes,
/// leaks or hangs costs one attempt. A module keeps nothing in memory between builds; what it keeps
/// on the machine (images, root file systems) is named by digest.
public protocol ExecutorModule: Sendable {
  /// Who the module is and which keys it reads from a target's YAML. Cheap; no I/O.
  func describe() -> ModuleDescription

  /// What the module can do on this machine now, for each of the targets it is asked about.
  ///
  /// Never throws: what is wrong is an answer (``TargetHealth/unhealthy(reason:remedy:)``). The host
  /// ends a probe after its time limit.
  func probe(_ request: ProbeRequest) async -> ProbeReport

  /// Makes the environment of one attempt: a place where commands run without a network, within
  /// limits, and see nothing of the host but the given mounts.
  ///
  /// - Parameter log: lines for the attempt's log (an image being built, say).
  /// - Throws: ``ExecutorFailure``; what was begun is undone before.
  func prepare(_ request: PrepareRequest, log: @escaping @Sendable (String) -> Void)
    async throws -> any BuildEnvironment

  /// Removes every container, cgroup, mount and directory that this module made for the owner and
  /// that belongs to none of the attempts still alive. Called when a builder starts and after each
  /// child that was lost.
  func sweep(_ request: SweepRequest) async throws -> SweepReport
}

/// Where the commands of one attempt run.
public protocol BuildEnvironment: Sendable {
  /// The toolchain and the digest of all that the environment is made of.
  var identity: EnvironmentIdentity { get }

  /// Runs one command to its end and hands out what it prints as it comes.
  ///
  /// A non-zero exit status is a result, not an error. When the surrounding task is cancelled, the
  /// command and all it has started are killed before this returns.
  /// - Throws: ``ExecutorFailure`` where the environment itself failed.
  func run(_ command: EnvironmentCommand, output: @escaping @Sendable (CommandOutput) -> Void)
    async throws -> CommandResult

  /// Removes the environment and everything in it. Safe to call twice; must not throw.
  func tearDown() async
}
