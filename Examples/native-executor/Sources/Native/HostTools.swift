import ExecutorKit

/// The compilers of this machine, as they are now.
struct HostTools: Sendable {
  let triple: String
  let identity: EnvironmentIdentity

  var rustc: String { identity.rustc }
  var linker: String { identity.linker }
  var rustVersion: String { identity.rustVersion }

  /// Version lines, and a digest of everything that is installed: `/usr` is the environment, and
  /// Debian's list of packages with their versions tells what is in it.
  private static let script = """
    set -e
    /usr/bin/rustc -vV | sed -n 's/^host: //p'
    /usr/bin/rustc --version
    /usr/bin/cargo --version
    /usr/bin/gcc --version | head -n 1
    { dpkg-query -W 2>/dev/null || true; /usr/bin/rustc -vV; /usr/bin/cargo -V; \
    /usr/bin/gcc --version; } | sha256sum | cut -d ' ' -f 1
    """

  /// - Throws: ``ExecutorFailure`` of class `infrastructure` where something is missing.
  static func find() async throws(ExecutorFailure) -> HostTools {
    let answer = try await Child.text(of: "/bin/sh", ["-c", script])
    let lines = answer.text.split(separator: "\n").map(String.init)
    guard answer.succeeded, lines.count == 5, lines[1].hasPrefix("rustc ") else {
      throw ExecutorFailure(
        .infrastructure, "this machine lacks rustc, cargo or gcc in /usr/bin: \(answer.text)")
    }
    return HostTools(
      triple: lines[0],
      identity: EnvironmentIdentity(
        digest: "sha256:" + lines[4], rustc: lines[1], cargo: lines[2], linker: lines[3],
        facts: ["sandbox": "bubblewrap"]))
  }
}
