import Foundation
import Glibc

/// Starts and stops one cluster, on the calling thread, which holds the cluster's lock.
struct ClusterControl {
  let user: ServerUser
  let layout: ClusterLayout
  let durable: Bool

  init(directory: String, durable: Bool) throws {
    user = try ServerUser.current()
    layout = try ClusterLayout.resolve(directory, user: user)
    self.durable = durable
  }

  var address: PostgresAddress {
    PostgresAddress(options: [
      "host": layout.socketDirectory, "port": "5432", "user": EmbeddedCluster.name,
      "dbname": EmbeddedCluster.name,
    ])
  }

  func start() throws {
    try prepareHome()
    if runningServer() == nil {
      try writeConfiguration()
      try pgCtl("starting PostgreSQL", ["start", "--wait", "--timeout=60", "--log=\(layout.log)"])
    }
    try makeDatabase()
  }

  func stop() throws {
    guard runningServer() != nil else { return }
    try pgCtl("stopping PostgreSQL", ["stop", "--wait", "--timeout=60", "--mode=fast"])
    // Outside the home it would stay behind for ever; the next start makes it anew.
    if !layout.socketDirectory.hasPrefix(layout.home) { rmdir(layout.socketDirectory) }
  }

  /// The process in the cluster's own `postmaster.pid`, when it is alive and works in the data
  /// directory: after a crash the number may be another program's.
  func runningServer() -> pid_t? {
    guard
      let text = try? String(contentsOfFile: "\(layout.data)/postmaster.pid", encoding: .utf8),
      let process = text.split(separator: "\n").first.flatMap({ pid_t($0) }), process > 1,
      kill(process, 0) == 0
    else { return nil }
    guard let current = realpath("/proc/\(process)/cwd", nil) else { return nil }
    defer { free(current) }
    guard let data = realpath(layout.data, nil) else { return nil }
    defer { free(data) }
    return strcmp(current, data) == 0 ? process : nil
  }

  // MARK: Making it

  private func prepareHome() throws {
    try DirectoryLock.makeDirectories(layout.home)
    try user.makePrivateDirectory(layout.socketDirectory)
    if FileManager.default.fileExists(atPath: layout.data) {
      try user.checkPrivateDirectory(layout.data)
    } else {
      try makeData()
    }
  }

  /// The data appears under its name when it is complete: a crash leaves only `data.new`.
  private func makeData() throws {
    let draft = "\(layout.data).new"
    try? FileManager.default.removeItem(atPath: draft)
    try user.makePrivateDirectory(draft)
    let options = [
      "--pgdata=\(draft)", "--username=\(EmbeddedCluster.name)", "--auth-local=trust",
      "--auth-host=reject", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions",
    ]
    let program = "\(try binaries().directory)/initdb"
    try run("making the database cluster", [program] + options + (durable ? [] : ["--no-sync"]))
    guard rename(draft, layout.data) == 0 else { throw ServerUser.systemError(layout.data) }
  }

  private func writeConfiguration() throws {
    var lines = [
      "# Written anew at each start. See postgresql.conf for everything else.",
      "listen_addresses = ''", "port = 5432",
      "unix_socket_directories = '\(layout.socketDirectory)'",
      "unix_socket_permissions = 0700",
    ]
    if !durable { lines += ["fsync = off", "full_page_writes = off", "synchronous_commit = off"] }
    try write(lines.joined(separator: "\n") + "\n", to: "\(layout.data)/buildsrs.conf")
    let main = "\(layout.data)/postgresql.conf"
    let text = try String(contentsOfFile: main, encoding: .utf8)
    let include = "include = 'buildsrs.conf'"
    if !text.split(separator: "\n").contains(where: { $0 == include }) {
      try write(text + "\n\(include)\n", to: main)
    }
    try makeLog()
  }

  private func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    guard chown(path, user.userID, user.groupID) == 0 else { throw ServerUser.systemError(path) }
  }

  /// The server's user cannot make a file in a home of root's.
  private func makeLog() throws {
    let log = open(layout.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard log >= 0 else { throw ServerUser.systemError(layout.log) }
    defer { close(log) }
    guard fchown(log, user.userID, user.groupID) == 0 else {
      throw ServerUser.systemError(layout.log)
    }
  }

  private func makeDatabase() throws {
    let session = try Session.open(
      address.withDatabase("postgres"), applicationName: "buildsrs database")
    let found = try session.query(
      "SELECT FROM pg_database WHERE datname = $1", [.text(EmbeddedCluster.name)])
    if found.isEmpty {
      try session.execute("CREATE DATABASE \(quotedIdentifier(EmbeddedCluster.name))")
    }
  }

  // MARK: Programs

  func binaries() throws -> ServerBinaries {
    let version = try? String(contentsOfFile: "\(layout.data)/PG_VERSION", encoding: .utf8)
    return try ServerBinaries.find(version: version.map(trimmed), for: layout.data)
  }

  private func pgCtl(_ step: String, _ arguments: [String]) throws {
    try run(step, ["\(try binaries().directory)/pg_ctl", "--pgdata=\(layout.data)"] + arguments)
  }

  private func run(_ step: String, _ arguments: [String]) throws {
    let outcome = try Command(arguments: user.prefix + arguments).run()
    guard outcome.status == 0 else {
      throw EmbeddedClusterError.failed(
        step: step, status: outcome.status, output: outcome.output + logTail())
    }
  }

  /// The reason why a server does not start is in its log only.
  private func logTail() -> String {
    guard let log = try? String(contentsOfFile: layout.log, encoding: .utf8) else { return "" }
    let lines = log.split(separator: "\n").suffix(10).map { "  \($0)" }
    return "\(layout.log) ends with:\n" + lines.joined(separator: "\n")
  }

  /// A shell that waits for the end of its input, which comes when this process has ended.
  func startGuard(removing directory: String) throws {
    let script = "cat >/dev/null; home=$1; shift; \"$@\"; rm -rf -- \"$0\" \"$home\""
    let stop = [
      "\(try binaries().directory)/pg_ctl", "stop", "--mode=immediate", "--pgdata=\(layout.data)",
    ]
    // The leash stays open until the process ends; nobody waits for the guard, init reaps it.
    _ = try Command(arguments: ["sh", "-c", script, directory, layout.home] + user.prefix + stop)
      .startGuard()
  }
}
