public import ExecutorKit

/// An attempt's environment whose commands run in a sandbox.
public struct SandboxEnvironment: BuildEnvironment {
  public let identity: EnvironmentIdentity
  let sandbox: Sandbox

  public init(identity: EnvironmentIdentity, sandbox: Sandbox) {
    self.identity = identity
    self.sandbox = sandbox
  }

  public func run(
    _ command: EnvironmentCommand, output: @escaping @Sendable (CommandOutput) -> Void
  ) async throws -> CommandResult {
    try await sandbox.run(command, output: output)
  }

  public func tearDown() async { await sandbox.tearDown() }
}
