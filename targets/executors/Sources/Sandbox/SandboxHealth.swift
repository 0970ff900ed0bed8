import ExecutorKit
import Foundation

/// Whether sandboxes can be made on this machine.
public enum SandboxHealth {
  static let noGroups = "there are no control groups for memory, pids and cpu"
  static let groupRemedy =
    "run the builder as root, or give its user a control group with memory, pids and cpu and name it"
    + " in \(GroupHierarchy.parentVariable)"

  /// What is wrong and what to do about it; nil: sandboxes can be made. Makes one, for an instant, to
  /// find out whether the kernel lets it.
  /// - Parameter emulator: what is to start programs, if anything.
  public static func trouble(emulator: Emulator? = nil) async -> (reason: String, remedy: String)? {
    for program in ["bwrap", "setpriv", "unshare", "prlimit", "mount"]
    where !isProgram(program) {
      let package = program == "bwrap" ? "bubblewrap" : "util-linux"
      return ("\(program) is missing", "install Debian's package \(package)")
    }
    guard let hierarchy = GroupHierarchy.find() else { return (noGroups, groupRemedy) }
    if let obstacle = hierarchy.obstacle {
      return ("no control group can be made: \(obstacle)", groupRemedy)
    }
    if let words = await complaint(of: trial) {
      return (
        "bubblewrap cannot make a sandbox: \(words)",
        "let users make namespaces: sysctl user.max_user_namespaces and, where they exist,"
          + " kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0"
      )
    }
    if let emulator, let words = await complaint(of: emulator.wrap(trial)) {
      return (
        "the kernel has no binfmt_misc in a user namespace: \(words)",
        "use Linux 6.7 or newer with binfmt_misc (modprobe binfmt_misc)"
      )
    }
    return nil
  }

  /// Whether a program can be started by its name.
  public static func isProgram(_ name: String) -> Bool {
    (Launch.variables["PATH"] ?? "").split(separator: ":").contains {
      access("\($0)/\(name)", X_OK) == 0
    }
  }

  /// The least sandbox, with the host's own programs.
  private static let trial =
    ["bwrap"] + BubblewrapArguments.isolation
    + ["--ro-bind", "/", "/", "--proc", "/proc", "--", "/usr/bin/true"]

  /// What a command printed when it failed; nil: it succeeded.
  private static func complaint(of words: [String]) async -> String? {
    let user =
      geteuid() == 0
      ? ["setpriv", "--reuid=\(nobody)", "--regid=\(nobody)", "--clear-groups", "--"] : []
    do {
      let end = try await ChildProcess().run(
        ["/usr/bin/env", "--"] + user + words, variables: Launch.variables
      ) { _ in }
      if end.exitStatus == 0 { return nil }
      let words = end.lastWords.trimmingCharacters(in: .whitespacesAndNewlines)
      return words.isEmpty ? "it ended with status \(end.waitStatus)" : words
    } catch {
      return "\(error)"
    }
  }
}
