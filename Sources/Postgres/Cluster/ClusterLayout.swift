import Cryptography
import Foundation
import Glibc

/// Where the files of a cluster are.
///
/// | path | what |
/// | --- | --- |
/// | `DIR/lock` | held while somebody starts or stops the cluster |
/// | `DIR/location` | only where the server's user cannot enter `DIR`: the home, in one line |
/// | `HOME/data`, `HOME/server.log` | the data directory, and what the server logs |
/// | `HOME/socket` | the socket's directory, mode 0700; in /tmp where its path would be too long |
struct ClusterLayout: Equatable {
  /// `DIR` itself, or `/var/lib/buildsrs/<hash of DIR>`.
  let home: String
  let socketDirectory: String

  var data: String { "\(home)/data" }
  var log: String { "\(home)/server.log" }

  init(home: String) {
    self.home = home
    socketDirectory = Self.socketDirectory(home: home)
  }

  /// A socket's path has at most 107 bytes (unix(7)), and PostgreSQL splits the setting at commas.
  static func socketDirectory(home: String) -> String {
    let preferred = "\(home)/socket"
    let isPlain = preferred.utf8.allSatisfy { byte in
      switch Unicode.Scalar(byte) {
      case "a"..."z", "A"..."Z", "0"..."9", "/", ".", "-", "_": true
      default: false
      }
    }
    let fits = "\(preferred)/.s.PGSQL.5432".utf8.count <= 107
    return isPlain && fits ? preferred : "/tmp/buildsrs-\(hash(home))"
  }

  static func hash(_ path: String) -> String { String(SHA256.hex(of: path).prefix(16)) }

  /// Decides where a cluster's files are, or reads what was decided when it was made. The directory
  /// must exist.
  static func resolve(_ directory: String, user: ServerUser) throws -> ClusterLayout {
    let pointer = "\(directory)/location"
    if let text = try? String(contentsOfFile: pointer, encoding: .utf8) {
      let home = trimmed(text)
      guard home.hasPrefix("/") else {
        throw EmbeddedClusterError.badFile(
          pointer, reason: "does not hold an absolute path; remove it to begin anew")
      }
      return ClusterLayout(home: home)
    }
    let isInPlace = FileManager.default.fileExists(atPath: "\(directory)/data")
    if try isInPlace || user.canEnter(directory) { return ClusterLayout(home: directory) }
    let home = "/var/lib/buildsrs/\(hash(directory))"
    try Data("\(home)\n".utf8).write(to: URL(fileURLWithPath: pointer), options: .atomic)
    return ClusterLayout(home: home)
  }
}
