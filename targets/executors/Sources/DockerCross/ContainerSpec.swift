import ExecutorKit
import Foundation

/// How a container is made: without a network, without capabilities, with a read-only root, and with
/// nothing of the host but the given mounts.
struct ContainerSpec: Sendable {
  var image: String
  var labels: [String: String]
  var mounts: [Mount] = []
  var limits = Limits()
  var user = "65534:65534"

  /// How many files a process may have open: more than any tool needs, and no more than whoever watches
  /// the build can look at.
  static let mostOpenFiles: Int64 = 4096

  /// The body of `POST /containers/create` for one command.
  func body(for command: EnvironmentCommand) -> Body {
    Body(
      image: image, cmd: command.arguments, entrypoint: [],
      env: command.variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" },
      workingDir: command.workingDirectory, user: user, labels: labels, attachStdin: false,
      attachStdout: true, attachStderr: true, openStdin: false, tty: false, hostConfig: hostConfig)
  }

  private var hostConfig: HostConfig {
    HostConfig(
      networkMode: "none", ipcMode: "private", capDrop: ["ALL"],
      securityOpt: ["no-new-privileges"], readonlyRootfs: true, init: true,
      memory: limits.memory, memorySwap: limits.memory, pidsLimit: Int64(limits.processes),
      nanoCpus: limits.cores.map { Int64($0) * 1_000_000_000 } ?? 0,
      // Build scripts run programs that they put into /tmp. Its pages count as memory.
      tmpfs: ["/tmp": "rw,exec,nosuid,nodev,mode=1777,size=\(limits.memory / 2)"],
      mounts: mounts.map {
        BindMount(source: $0.source, target: $0.destination, readOnly: !$0.isWritable)
      },
      ulimits: [
        // One file may be as large as all files together; a core dump would be none of the build's.
        Ulimit(name: "fsize", limit: limits.disk), Ulimit(name: "core", limit: 0),
        Ulimit(name: "nofile", limit: Self.mostOpenFiles),
      ],
      // What it prints goes to the attached reader; a copy on the engine's disk would have no bound.
      logConfig: LogConfig(type: "none"))
  }

  struct Body: Encodable {
    let image: String
    let cmd: [String]
    /// Empty: whatever the image's is, it is not used.
    let entrypoint: [String]
    let env: [String]
    let workingDir: String
    let user: String
    let labels: [String: String]
    let attachStdin, attachStdout, attachStderr, openStdin, tty: Bool
    let hostConfig: HostConfig
  }

  struct HostConfig: Encodable {
    let networkMode, ipcMode: String
    let capDrop, securityOpt: [String]
    let readonlyRootfs: Bool
    /// The engine's small init: reaps orphans, and makes signals work for the command.
    let `init`: Bool
    let memory, memorySwap, pidsLimit, nanoCpus: Int64
    let tmpfs: [String: String]
    let mounts: [BindMount]
    let ulimits: [Ulimit]
    let logConfig: LogConfig
  }

  struct BindMount: Encodable {
    let type = "bind"
    let source, target: String
    let readOnly: Bool
  }

  /// A limit of setrlimit(2); `fsize` and `core` are bytes, `nofile` is a number.
  struct Ulimit: Encodable {
    let name: String
    let soft, hard: Int64

    init(name: String, limit: Int64) {
      self.name = name
      (soft, hard) = (limit, limit)
    }
  }

  struct LogConfig: Encodable { let type: String }
}
