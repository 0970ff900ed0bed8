public import ExecutorKit
public import Sandbox

extension RootFileSystem {
  /// What can be said of a target whose environment is this root file system.
  /// - Parameter emulator: what is to start its programs, if anything.
  public static func health(
    _ recipe: RootRecipe, in cache: String, emulator: Emulator? = nil
  ) async -> TargetHealth {
    if let trouble = await SandboxHealth.trouble(emulator: emulator) {
      return .unhealthy(reason: trouble.reason, remedy: trouble.remedy)
    }
    if let found = find(recipe, in: cache) {
      return .ready(toolchains: [found.facts.rustVersion])
    }
    for program in ["mmdebstrap", "apt-get", "dpkg-deb"] where !SandboxHealth.isProgram(program) {
      return .unhealthy(
        reason: "the root file system is not there, and \(program), which makes it, is missing",
        remedy: "apt-get install mmdebstrap, on a Debian")
    }
    return .ready(toolchains: [])
  }
}
