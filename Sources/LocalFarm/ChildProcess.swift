import Foundation

/// A program that runs beside this one, with its output in files.
///
/// Foundation starts it in a process group of its own, so that a Ctrl-C at the terminal reaches this
/// process only, which then stops its children in order.
public actor ChildProcess {
  /// What is shown of it, such as `backend`.
  public nonisolated let name: String
  public nonisolated let pid: Int32
  /// Its standard error and output.
  public nonisolated let logFile: String
  /// Its standard output alone.
  public nonisolated let outputFile: String
  private let process: Process
  /// Ends with the process.
  private let exit: Task<Int32, Never>

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - arguments: the program's path, then its arguments.
  ///   - environment: added to this process's own.
  ///   - directory: where the two output files go; made when it is missing.
  /// - Throws: ``LocalFarmError/cannotStart(program:reason:)``.
  public init(
    _ name: String, _ arguments: [String], environment: [String: String] = [:], directory: String
  ) throws {
    self.name = name
    logFile = "\(directory)/\(name).log"
    outputFile = "\(directory)/\(name).out"
    let (exit, continuation) = AsyncStream<Int32>.makeStream()
    self.exit = Task { await exit.first { _ in true } ?? -1 }
    process = Process()
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
      process.executableURL = URL(filePath: arguments.first ?? "")
      process.arguments = Array(arguments.dropFirst())
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = try Self.truncated(outputFile)
      process.standardError = try Self.truncated(logFile)
      process.terminationHandler = { ended in
        continuation.yield(ended.terminationStatus)
        continuation.finish()
      }
      let starting = process
      try Self.starting.withLock { try starting.run() }
    } catch {
      throw LocalFarmError.cannotStart(
        program: arguments.first ?? name, reason: error.localizedDescription)
    }
    pid = process.processIdentifier
  }

  /// Foundation has crashed in `run()` while another process was being started: one at a time.
  private static let starting = NSLock()

  /// Waits for the end: the exit status, or the number of the signal that ended it. (Foundation on
  /// Linux reports both as an exit.)
  public func ending() async -> Int32 {
    await exit.value
  }

  public var isRunning: Bool { process.isRunning }

  /// Sends a signal, such as `SIGKILL`; to a process that has ended it does nothing.
  public func send(_ signal: Int32) {
    if process.isRunning { kill(pid, signal) }
  }

  /// Asks the process to stop and waits; kills it when it has not ended after `grace`.
  @discardableResult
  public func stop(grace: Duration = .seconds(20)) async -> Int32 {
    send(SIGTERM)
    let killer = Task {
      try await Task.sleep(for: grace)
      self.send(SIGKILL)
    }
    defer { killer.cancel() }
    return await ending()
  }

  /// The last lines of its log, for messages.
  public nonisolated func lastLines(_ count: Int = 15) -> String {
    let text = (try? String(contentsOfFile: logFile, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").suffix(count).map { "    \($0)" }.joined(separator: "\n")
  }

  /// The first whole line of its standard output, waited for.
  ///
  /// - Throws: ``LocalFarmError/notReady(name:reason:log:)`` when the process ends before, or after
  ///   `limit`.
  public func firstLine(within limit: Duration = .seconds(60)) async throws -> String {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
      let text = (try? String(contentsOfFile: outputFile, encoding: .utf8)) ?? ""
      if let end = text.firstIndex(of: "\n") { return String(text[..<end]) }
      if !process.isRunning {
        throw LocalFarmError.notReady(name: name, reason: "it ended", log: lastLines())
      }
      // A file cannot be awaited portably; 20 ms are not noticed by a person.
      try await Task.sleep(for: .milliseconds(20))
    }
    throw LocalFarmError.notReady(
      name: name, reason: "it said nothing for \(limit)", log: lastLines())
  }

  private static func truncated(_ path: String) throws -> FileHandle {
    guard FileManager.default.createFile(atPath: path, contents: nil) else {
      throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path])
    }
    return try FileHandle(forWritingTo: URL(filePath: path))
  }
}
