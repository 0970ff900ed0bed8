import ExecutorKit

/// The command line that brings bubblewrap up. Pure.
///
/// A small shell script joins the control group, which what it starts inherits. Where the builder is
/// root, it then gives bubblewrap, which is to run as `nobody`, the sources of its mounts: they may lie
/// below folders that only root may enter, so they are bound into a small file system in a mount
/// namespace of the command's own, which is then moved to where `nobody` finds it.
struct Launch {
  let spec: SandboxSpec
  /// The control group's files to join.
  let processFiles: [String]
  /// A folder of the attempt's own, empty; used by root only.
  let stage: String
  let isRoot: Bool

  /// Where the stage is moved to: a folder that every Debian has. Only the command's own mount
  /// namespace sees what is there.
  static let place = "/mnt"

  /// The mounts' sources and the root file system, by the numbers of their places.
  private var sources: [String] { [spec.root] + spec.mounts.map(\.source) }

  func words(for command: EnvironmentCommand) throws(ExecutorFailure) -> [String] {
    let staged = Dictionary(
      sources.enumerated().map { ($1, "\(Self.place)/\($0)") },
      uniquingKeysWith: { first, _ in first })
    let arguments = BubblewrapArguments(spec: spec) { isRoot ? staged[$0] ?? $0 : $0 }
    var words = try arguments.words(for: command)
    if let emulator = spec.emulator { words = emulator.wrap(words) }
    words =
      [
        "prlimit", "--fsize=\(spec.limits.disk)", "--core=0", "--nofile=\(mostOpenFiles)", "--",
      ] + words
    if isRoot {
      words = ["setpriv", "--reuid=\(nobody)", "--regid=\(nobody)", "--clear-groups", "--"] + words
    }
    let bound = isRoot ? sources : []
    let shell =
      ["/bin/sh", "-c", Self.script, "sandbox", "\(processFiles.count)"] + processFiles
      + [stage, Self.place, "\(bound.count)"] + bound + words
    return isRoot
      ? ["/usr/bin/unshare", "--mount", "--propagation", "private", "--"] + shell : shell
  }

  /// What the script and the programs it calls are given.
  static let variables = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"]

  /// Arguments: a number and so many files to join; stage and place; a number and so many sources;
  /// the command.
  private static let script = """
    set -eu
    umask 022
    number=$1
    while shift; [ "$number" -gt 0 ]; do echo $$ >"$1"; number=$((number - 1)); done
    stage=$1 place=$2 count=$3
    shift 3
    if [ "$count" -gt 0 ]; then
      mount -t tmpfs -o mode=0755,size=1m stage "$stage"
      number=0
      while [ "$number" -lt "$count" ]; do
        if [ -d "$1" ]; then mkdir "$stage/$number"; else : >"$stage/$number"; fi
        mount --rbind "$1" "$stage/$number"
        shift
        number=$((number + 1))
      done
      mount --move "$stage" "$place"
    fi
    # The shell tells its folder to what it starts, and that to whoever reads its /proc/1/environ.
    cd /
    unset PWD OLDPWD
    exec "$@"
    """
}
