import ExecutorKit
import Foundation

/// Where one attempt's commands run: a container each, of one image.
struct DockerEnvironment: BuildEnvironment {
  let engine: Engine
  let identity: EnvironmentIdentity
  let spec: ContainerSpec
  let owner: AttemptIdentity

  func run(
    _ command: EnvironmentCommand, output: @escaping @Sendable (CommandOutput) -> Void
  ) async throws -> CommandResult {
    try await Container.run(command, spec, on: engine, output: output)
  }

  /// Every command has removed its own container; one that was being made when the attempt was
  /// cancelled is found by its labels.
  func tearDown() async {
    let sweeper = Sweeper(engine: engine)
    _ = try? await sweeper.remove(labels: OwnerLabels.of(owner)) { _ in true }
  }
}

/// The user that commands run as: never root.
enum ContainerUser {
  /// `nobody` on Debian, for a builder that runs as root.
  static let nobody: UInt32 = 65534

  /// The user and group, and whether the writable mounts must be given to them first.
  static func of(effectiveUser: UInt32, group: UInt32) -> (text: String, mustOwn: Bool) {
    effectiveUser == 0 ? ("\(nobody):\(nobody)", true) : ("\(effectiveUser):\(group)", false)
  }

  /// Gives a folder to ``nobody``. A container has no capability to write where it is not the owner.
  static func own(_ folder: String) throws(ExecutorFailure) {
    guard chown(folder, nobody, nobody) == 0 else {
      throw ExecutorFailure(
        .infrastructure,
        "cannot give \(folder) to user \(nobody): \(String(cString: strerror(errno)))")
    }
  }
}
