/// Why the private PostgreSQL could not be started, stopped or found.
public enum EmbeddedClusterError: Error, Sendable, Equatable, CustomStringConvertible {
  /// No PostgreSQL server is installed, or not the one that has made the data.
  case noBinaries(version: String?, directory: String)
  /// A program could not be started at all.
  case cannotRun(String, reason: String)
  /// One of PostgreSQL's programs has failed.
  case failed(step: String, status: Int32, output: String)
  /// A file or directory is not as it has to be.
  case badFile(String, reason: String)
  /// Root needs a user for the server, and there is none.
  case noServerUser(String)

  /// What is wrong, where, and the remedy.
  public var description: String {
    switch self {
    case .noBinaries(nil, _):
      "no PostgreSQL server found in /usr/lib/postgresql/*/bin or by pg_config: "
        + "apt-get install postgresql"
    case .noBinaries(let version?, let directory):
      "the data in \(directory) was made by PostgreSQL \(version), which is not installed: "
        + "apt-get install postgresql-\(version), or delete the directory to begin anew"
    case .cannotRun(let program, let reason): "cannot run \(program): \(reason)"
    case .failed(let step, let status, let output):
      "\(step) failed with exit code \(status):\n\(output)"
    case .badFile(let path, let reason): "\(path): \(reason)"
    case .noServerUser(let name):
      "PostgreSQL does not run as root, and there is no user “\(name)” to run it as: "
        + "apt-get install postgresql"
    }
  }
}
