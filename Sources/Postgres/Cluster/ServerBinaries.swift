import Foundation

/// The directory with `initdb`, `pg_ctl` and `postgres`.
struct ServerBinaries {
  let directory: String

  /// Debian keeps every major version in a directory of its own, outside PATH.
  static let debianRoot = "/usr/lib/postgresql"

  /// The server for data that `version` has made, or the newest one for new data (`nil`).
  static func find(version: String?, for data: String) throws -> ServerBinaries {
    let installed = (try? FileManager.default.contentsOfDirectory(atPath: debianRoot)) ?? []
    if let best = choose(version, of: installed.filter { isServer("\(debianRoot)/\($0)/bin") }) {
      return ServerBinaries(directory: "\(debianRoot)/\(best)/bin")
    }
    if let directory = try? askConfiguration(), isServer(directory),
      try version == nil || majorVersion(directory) == version
    {
      return ServerBinaries(directory: directory)
    }
    throw EmbeddedClusterError.noBinaries(version: version, directory: data)
  }

  /// The wanted one of the installed major versions, or the highest.
  static func choose(_ wanted: String?, of installed: [String]) -> String? {
    if let wanted { return installed.first { $0 == wanted } }
    return installed.filter { Int($0) != nil }.max { (Int($0) ?? 0) < (Int($1) ?? 0) }
  }

  private static func isServer(_ directory: String) -> Bool {
    ["initdb", "pg_ctl", "postgres"].allSatisfy {
      FileManager.default.isExecutableFile(atPath: "\(directory)/\($0)")
    }
  }

  private static func askConfiguration() throws -> String {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    let answer = try Command(arguments: ["pg_config", "--bindir"], environment: ["PATH=\(path)"])
      .run()
    return answer.status == 0 ? trimmed(answer.output) : ""
  }

  /// From `postgres (PostgreSQL) 15.20 (Debian …)`.
  private static func majorVersion(_ directory: String) throws -> String? {
    let answer = try Command(arguments: ["\(directory)/postgres", "--version"]).run().output
    return answer.split(separator: " ").dropFirst(2).first?.split(separator: ".").first
      .map(String.init)
  }
}
