public import ExecutorKit
import Foundation

/// What the commands of one attempt see, and what they may use.
public struct SandboxSpec: Sendable, Equatable {
  /// The folder of the root file system on the host. Commands see it read-only. It needs
  /// `/usr/bin/env`; its own `/dev`, `/proc`, `/sys` and `/tmp` are not shown.
  public var root: String
  /// What is seen besides it. A destination must not lie in a folder of the root file system.
  public var mounts: [Mount]
  public var limits: Limits
  /// Where programs are searched.
  public var path: String
  /// What starts programs of another processor; nil: this kernel starts them.
  public var emulator: Emulator?

  public init(
    root: String, mounts: [Mount] = [], limits: Limits = Limits(),
    path: String = "/usr/local/bin:/usr/bin:/bin", emulator: Emulator? = nil
  ) {
    self.root = root
    self.mounts = mounts
    self.limits = limits
    self.path = path
    self.emulator = emulator
  }
}

/// `nobody` on Debian: whom commands are, inside and, where the builder is root, outside.
let nobody: UInt32 = 65534

/// How many files a process may have open: more than any tool needs, and no more than whoever watches
/// the build can look at.
let mostOpenFiles = 4096

/// The words of bubblewrap's command line. Pure, but that it looks what is in the root file system.
struct BubblewrapArguments {
  let spec: SandboxSpec
  /// Where a host's path lies when bubblewrap runs.
  var place: (String) -> String = { $0 }

  func words(for command: EnvironmentCommand) throws(ExecutorFailure) -> [String] {
    ["bwrap"] + Self.isolation + (try rootEntries()) + Self.systemFolders + temporary + mounts
      + ["--remount-ro", "/"] + environment(command)
      + ["--chdir", command.workingDirectory, "--json-status-fd", "3", "--"]
      // env(1) ends with 127 where a program is not there and with 126 where it cannot be started,
      // which bubblewrap does not; and takes away the one variable that bubblewrap adds.
      + ["/usr/bin/env", "-u", "PWD", "--"] + command.arguments
  }

  /// Own namespaces, of which that for the network has nothing but a loopback device; no capability,
  /// and no way to get one in yet another user namespace. bubblewrap itself sets no_new_privs.
  static let isolation = [
    "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
    "--unshare-cgroup", "--disable-userns", "--uid", "\(nobody)", "--gid", "\(nobody)",
    "--cap-drop", "ALL", "--die-with-parent", "--new-session", "--hostname", "build",
  ]

  /// /dev has what bubblewrap puts there (null, zero, full, random, urandom, tty, pts).
  private static let systemFolders = [
    "--proc", "/proc", "--dev", "/dev", "--size", "\(64 << 20)", "--perms", "1777", "--tmpfs",
    "/dev/shm", "--remount-ro", "/dev",
  ]

  /// Build scripts run programs that they put into /tmp. Its pages count as memory.
  private var temporary: [String] {
    ["--size", "\(spec.limits.memory / 2)", "--perms", "1777", "--tmpfs", "/tmp"]
  }

  private var mounts: [String] {
    spec.mounts.sorted { $0.destination < $1.destination }.flatMap {
      [$0.isWritable ? "--bind" : "--ro-bind", place($0.source), $0.destination]
    }
  }

  private func environment(_ command: EnvironmentCommand) -> [String] {
    ["--clearenv"]
      + command.variables.merging(["PATH": spec.path]) { _, own in own }
      .sorted { $0.key < $1.key }.flatMap { ["--setenv", $0.key, $0.value] }
  }

  /// The root's entries one by one, so that mount points can be made beside them though none of them
  /// can be written.
  private func rootEntries() throws(ExecutorFailure) -> [String] {
    let files = FileManager.default
    guard let names = try? files.contentsOfDirectory(atPath: spec.root), !names.isEmpty else {
      throw ExecutorFailure(.infrastructure, "there is no root file system in \(spec.root)")
    }
    return names.sorted().filter { !["dev", "proc", "sys", "tmp", "build"].contains($0) }
      .flatMap { name -> [String] in
        if let target = try? files.destinationOfSymbolicLink(atPath: spec.root + "/" + name) {
          return ["--symlink", target, "/" + name]
        }
        return ["--ro-bind", place(spec.root) + "/" + name, "/" + name]
      }
  }
}
