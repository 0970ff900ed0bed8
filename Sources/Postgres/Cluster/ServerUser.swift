import Glibc

/// As whom the server's programs run: as ourselves, but never as root, which PostgreSQL refuses.
struct ServerUser {
  let userID: uid_t
  let groupID: gid_t
  /// What comes before a program's name.
  let prefix: [String]

  /// - Throws: `EmbeddedClusterError.noServerUser` for root without a user `postgres`.
  static func current() throws -> ServerUser {
    guard geteuid() == 0 else {
      return ServerUser(userID: geteuid(), groupID: getegid(), prefix: [])
    }
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 16_384)
    guard getpwnam_r("postgres", &entry, &buffer, buffer.count, &found) == 0, found != nil else {
      throw EmbeddedClusterError.noServerUser("postgres")
    }
    let prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
    return ServerUser(userID: entry.pw_uid, groupID: entry.pw_gid, prefix: prefix)
  }

  /// Makes a directory that only this user may enter, or checks the one that is there: in a shared
  /// place such as /tmp somebody else may have made it.
  func makePrivateDirectory(_ path: String) throws {
    if mkdir(path, 0o700) == 0 {
      guard chown(path, userID, groupID) == 0 else { throw Self.systemError(path) }
      return
    }
    guard errno == EEXIST else { throw Self.systemError(path) }
    try checkPrivateDirectory(path)
  }

  /// - Throws: `EmbeddedClusterError.badFile` for what is no directory, or another user's.
  func checkPrivateDirectory(_ path: String) throws {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw Self.systemError(path) }
    guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == userID else {
      throw EmbeddedClusterError.badFile(
        path, reason: "is no directory of user \(userID), as whom the server runs; remove it")
    }
    guard chmod(path, 0o700) == 0 else { throw Self.systemError(path) }
  }

  /// Whether this user may enter a directory, with all that lies above it.
  func canEnter(_ path: String) throws -> Bool {
    try Command(arguments: prefix + ["test", "-x", path]).run().status == 0
  }

  static func systemError(_ path: String) -> EmbeddedClusterError {
    .badFile(path, reason: String(cString: strerror(errno)))
  }
}
