import Foundation
import Postgres

/// PostgreSQL, and what can be done to it.
actor DatabaseServer {
  nonisolated let cluster: EmbeddedCluster
  nonisolated let address: PostgresAddress
  private let dataDirectory: String
  private var stopped: [pid_t] = []

  /// Makes and starts a cluster that keeps what was committed, whatever happens to it.
  init(directory: String, removeAtEnd: Bool) async throws {
    cluster = EmbeddedCluster(directory: directory)
    // Its own process ends it, should this one be killed.
    if removeAtEnd { try await cluster.removeWhenThisProcessEnds() }
    try await cluster.start()
    address = try await cluster.address
    let connection = try await PostgresConnection(connecting: address)
    dataDirectory = try await connection.query("SHOW data_directory").map {
      try $0.text("data_directory")
    }[0]
    await connection.close()
  }

  func stop() async throws {
    resume()
    try await cluster.stop()
  }

  // MARK: Faults

  /// Ends it at once, as a crash would, and starts it again after a while.
  func crash(for seconds: Double) async throws -> Bool {
    guard let postmaster else { return false }
    // "Immediate shutdown": all server processes quit without cleaning up.
    kill(postmaster, SIGQUIT)
    while kill(postmaster, 0) == 0 { try? await Task.sleep(for: .milliseconds(20)) }
    try? await Task.sleep(for: .seconds(seconds))
    try await start()
    return true
  }

  /// Stops all its processes, or that of one connection, for a while.
  func freeze(_ processes: [pid_t], for seconds: Double) async -> Bool {
    guard !processes.isEmpty else { return false }
    stopped += processes
    for process in processes { kill(process, SIGSTOP) }
    try? await Task.sleep(for: .seconds(seconds))
    resume()
    return true
  }

  func all() -> [pid_t] { postmaster.map { [$0] + children(of: $0) } ?? [] }

  /// The server processes of the backends' connections, in the order of their start.
  func connections() async throws -> [pid_t] {
    let connection = try await PostgresConnection(
      connecting: address, applicationName: "farm-faults")
    let rows = try await connection.query(
      """
      SELECT pid FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND application_name <> 'farm-faults'
      ORDER BY backend_start, pid
      """)
    let pids = try rows.map { pid_t(try $0.int("pid")) }
    await connection.close()
    return pids
  }

  /// - Returns: how many connections were ended.
  func terminate(_ processes: [pid_t]) async throws -> Int {
    let connection = try await PostgresConnection(
      connecting: address, applicationName: "farm-faults")
    for process in processes {
      try await connection.query("SELECT pg_terminate_backend($1::int)", [.int(Int(process))])
    }
    await connection.close()
    return processes.count
  }

  /// Lets all statements on jobs wait for a while.
  func lockJobs(for seconds: Double) async throws {
    let connection = try await PostgresConnection(
      connecting: address, applicationName: "farm-faults")
    try await connection.execute("BEGIN; LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
    try? await Task.sleep(for: .seconds(seconds))
    // The server rolls back where the connection is gone.
    await connection.close()
  }

  /// It runs, and all of it.
  func heal() async throws {
    resume()
    try await start()
  }

  private func start() async throws {
    var tries = 0
    while true {
      do { return try await cluster.start() } catch {
        tries += 1
        guard tries < 20, !Task.isCancelled else { throw error }
        try await Task.sleep(for: .milliseconds(300))
      }
    }
  }

  private func resume() {
    for process in stopped { kill(process, SIGCONT) }
    stopped = []
  }

  // MARK: Processes

  private var postmaster: pid_t? {
    let text = try? String(contentsOfFile: "\(dataDirectory)/postmaster.pid", encoding: .utf8)
    guard let pid = text?.split(separator: "\n").first.flatMap({ pid_t($0) }), kill(pid, 0) == 0
    else { return nil }
    return pid
  }

  private func children(of parent: pid_t) -> [pid_t] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { pid_t($0) }.filter { pid in
      guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
        // The name, in parentheses, may hold anything.
        let end = text.lastIndex(of: ")")
      else { return false }
      let fields = text[end...].split(separator: " ")
      return fields.count > 2 && fields[2] == "\(parent)"
    }
  }
}
