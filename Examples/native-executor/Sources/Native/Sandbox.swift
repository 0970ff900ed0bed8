import ExecutorKit
import Glibc

/// How bubblewrap is called.
struct Sandbox: Sendable {
  let mounts: [Mount]
  let limits: Limits
  let marker: Marker

  static let program = "/usr/bin/bwrap"

  /// The command line. The options come from descriptor 3, since `/proc/1/cmdline` would show the
  /// host's paths to the build.
  func commandLine(for command: EnvironmentCommand) -> [String] {
    ["--args", "3", "--"] + Self.limiter
      + ["--fsize=\(limits.disk)", "--as=\(limits.memory)", "--"] + command.arguments
  }

  /// What starts a command, and searches it in `PATH`.
  private static let limiter = ["/usr/bin/prlimit", "--core=0"]

  /// The options for one command, as `--args` reads them.
  func options(for command: EnvironmentCommand) -> [UInt8] {
    var options = Self.isolation + Self.system
    options += ["--size", String(min(limits.disk, 1 << 30)), "--tmpfs", "/tmp"]
    for mount in mounts {
      options += [mount.isWritable ? "--bind" : "--ro-bind", mount.source, mount.destination]
    }
    options += ["--remount-ro", "/", "--chdir", command.workingDirectory, "--clearenv"]
    let variables = command.variables.merging(["PATH": "/usr/bin:/bin"]) { _, own in own }
    for (name, value) in variables.sorted(by: { $0.key < $1.key }) {
      options += ["--setenv", name, value]
    }
    return options.flatMap { Array($0.utf8) + [0] }
  }

  /// Namespaces of its own for everything, the network among them, no capability, no terminal. As
  /// root, bubblewrap would leave all capabilities without `--cap-drop`. `no_new_privs` is always on.
  private static let isolation = [
    "--unshare-all", "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000",
    "--cap-drop", "ALL",
    "--new-session", "--die-with-parent", "--hostname", "builder",
  ]

  /// What programs need of the host: `/usr`, and where Debian says which compiler `cc` is.
  private static var system: [String] {
    var arguments = ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
      var target = [CChar](repeating: 0, count: 256)
      let count = readlink("/\(name)", &target, target.count)
      if count > 0 {
        let text = String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        arguments += ["--symlink", text, "/\(name)"]
      } else {
        arguments += ["--ro-bind-try", "/\(name)", "/\(name)"]
      }
    }
    for path in ["/etc/alternatives", "/etc/ld.so.cache"] {
      arguments += ["--ro-bind-try", path, path]
    }
    return arguments
  }

  /// Starts a sandbox that does nothing.
  /// - Throws: ``ExecutorFailure`` of class `infrastructure`, with what bubblewrap says.
  static func tryOut() async throws(ExecutorFailure) {
    let answer = try await Child.text(
      of: program, isolation + system + ["--"] + limiter + ["--", "/bin/true"])
    guard answer.succeeded else {
      throw ExecutorFailure(.infrastructure, "bubblewrap makes no sandbox: \(answer.text)")
    }
  }
}

/// Says whose a sandbox is, as the first word of its command line.
struct Marker: Hashable, Sendable {
  let owner: String
  let job: Int64
  let attempt: Int32

  private static let prefix = "buildsrs-native"

  init(_ identity: AttemptIdentity) {
    (owner, job, attempt) = (identity.owner, identity.job, identity.attempt)
  }

  init?(_ text: some StringProtocol) {
    let parts = text.split(separator: " ")
    guard parts.count == 4, parts[0] == Self.prefix, let job = Int64(parts[2]),
      let attempt = Int32(parts[3])
    else { return nil }
    (owner, self.job, self.attempt) = (String(parts[1]), job, attempt)
  }

  var text: String { "\(Self.prefix) \(owner) \(job) \(attempt)" }

  /// All processes of this machine that carry a marker.
  static func processes() -> [(pid_t, Marker)] {
    guard let folder = opendir("/proc") else { return [] }
    defer { closedir(folder) }
    var found: [(pid_t, Marker)] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let process = pid_t(name), let file = fopen("/proc/\(name)/cmdline", "r") else {
        continue
      }
      defer { fclose(file) }
      var line = [UInt8](repeating: 0, count: 512)
      let count = fread(&line, 1, line.count, file)
      let first = String(decoding: line[..<count].prefix { $0 != 0 }, as: UTF8.self)
      if let marker = Marker(first) { found.append((process, marker)) }
    }
    return found
  }
}
