import Foundation
import LocalFarm

/// One backend behind its proxy, started anew after every end.
actor BackendProcess {
  nonisolated let name: String
  nonisolated let proxy: Proxy
  private let arguments: [String]
  private let logs: String
  private let book: Book
  private let leash: Leash
  private var child: ChildProcess?
  private var starts = 0
  /// Somebody does something to it, which takes a while.
  private var isBusy = false
  private var isStopping = false

  /// - Parameter arguments: the program and what it is told, but for where it listens.
  init(name: String, proxy: Proxy, arguments: [String], logs: String, book: Book, leash: Leash) {
    self.name = name
    self.proxy = proxy
    self.arguments = arguments
    self.logs = logs
    self.book = book
    self.leash = leash
  }

  // MARK: Life

  /// Starts it and waits until it serves; tried again while the database is away.
  func start() async throws {
    let deadline = ContinuousClock.now + .seconds(120)
    while true {
      starts += 1
      let child = try ChildProcess(
        "\(name).\(starts)",
        arguments + ["--listen", "127.0.0.1:0"],
        directory: logs)
      self.child = child
      leash.hold(child.pid)
      do {
        let line = try await child.firstLine(within: .seconds(60))
        guard let port = line.split(separator: ":").last.flatMap({ Int($0) }) else {
          throw LocalFarmError.notReady(name: name, reason: line, log: child.lastLines())
        }
        proxy.lead(to: port)
        return
      } catch {
        await end(child, SIGKILL)
        guard !Task.isCancelled, !isStopping, ContinuousClock.now < deadline else { throw error }
        book.count("backend starts that failed")
        try await Task.sleep(for: .milliseconds(300))
      }
    }
  }

  /// Ends it for good.
  func stop() async {
    isStopping = true
    guard let child else { return }
    await child.send(SIGCONT)
    await child.stop(grace: .seconds(15))
    self.child = nil
  }

  /// Goes on, and runs: whatever was done to it.
  func heal() async throws {
    guard !isStopping else { return }
    await child?.send(SIGCONT)
    if await child?.isRunning != true { try await restart(after: 0) }
  }

  // MARK: Faults

  /// - Returns: false where something is being done to it already.
  func kill(_ signal: Int32, startingAfter seconds: Double) async throws -> Bool {
    try await alone { child in
      proxy.lead(to: nil)
      await end(child, signal)
      try await restart(after: seconds)
    }
  }

  func pause(for seconds: Double) async throws -> Bool {
    try await alone { child in
      await child.send(SIGSTOP)
      try? await Task.sleep(for: .seconds(seconds))
      await child.send(SIGCONT)
    }
  }

  /// Tells of an end that nobody has wanted, and starts it again.
  func watch() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: .milliseconds(200))
      guard !isBusy, !isStopping, !Task.isCancelled, let child, await !child.isRunning, !isBusy
      else { continue }
      let status = await child.ending()
      book.violated("\(child.name) ended by itself (\(status)):\n\(child.lastLines(5))")
      _ = try? await alone { _ in try await restart(after: 0) }
    }
  }

  private func restart(after seconds: Double) async throws {
    proxy.lead(to: nil)
    try? await Task.sleep(for: .seconds(seconds))
    guard !isStopping else { return }
    try await start()
  }

  /// SIGKILL where the signal has not ended it after a while.
  private func end(_ child: ChildProcess, _ signal: Int32) async {
    await child.send(signal)
    let killer = Task {
      try await Task.sleep(for: .seconds(40))
      self.book.violated("\(child.name) was asked to stop, and did not in 40 s")
      await child.send(SIGKILL)
    }
    _ = await child.ending()
    killer.cancel()
  }

  private func alone(_ body: (ChildProcess) async throws -> Void) async throws -> Bool {
    guard !isBusy, !isStopping, let child else { return false }
    isBusy = true
    defer { isBusy = false }
    try await body(child)
    return true
  }
}
