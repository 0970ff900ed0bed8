import Blocking
import Foundation
import Subprocess
import SystemPackage

/// The program `git` on one bare repository.
struct GitProgram: Sendable {
  let repository: String

  /// Runs a command to its end; its standard output.
  @discardableResult
  func run(_ arguments: [String], limit: Int = 1 << 20) async throws(RegistryError) -> [UInt8] {
    try await Self.run(["--git-dir=\(repository)"] + arguments, limit: limit)
  }

  /// Runs a command that is of no repository.
  @discardableResult
  static func run(_ arguments: [String], limit: Int = 1 << 20) async throws(RegistryError)
    -> [UInt8]
  {
    do {
      let result = try await Subprocess.run(
        await Self.program, arguments: Arguments(settings + arguments), environment: environment,
        input: .none, output: .bytes(limit: limit), error: .string(limit: 64 << 10))
      try check(result.terminationStatus, result.standardError, arguments)
      return result.standardOutput
    } catch let error as RegistryError {
      throw error
    } catch {
      throw failure(error, arguments)
    }
  }

  /// Runs a command whose input is a file, and reads its output as it comes.
  ///
  /// - Parameter body: must read to the end, or throw, which ends the command.
  func read<Result: Sendable>(
    _ arguments: [String], input: FileDescriptor,
    _ body: (SubprocessOutputSequence) async throws(RegistryError) -> Result
  ) async throws(RegistryError) -> Result {
    let errors = try Self.unnamedFile()
    defer { try? errors.close() }
    do {
      let result = try await Subprocess.run(
        await Self.program,
        arguments: Arguments(Self.settings + ["--git-dir=\(repository)"] + arguments),
        environment: Self.environment,
        input: .fileDescriptor(input, closeAfterSpawningProcess: false), output: .sequence,
        error: .fileDescriptor(errors, closeAfterSpawningProcess: false)
      ) { child in
        do throws(RegistryError) {
          return try Swift.Result<Result, RegistryError>.success(await body(child.standardOutput))
        } catch {
          try? child.send(signal: .kill)
          return Swift.Result<Result, RegistryError>.failure(error)
        }
      }
      if case .success = result.closureResult {
        try Self.check(result.terminationStatus, Self.text(of: errors), arguments)
      }
      return try result.closureResult.get()
    } catch let error as RegistryError {
      throw error
    } catch {
      throw Self.failure(error, arguments)
    }
  }

  /// A file that is gone when it is closed.
  static func unnamedFile() throws(RegistryError) -> FileDescriptor {
    let folder = FileManager.default.temporaryDirectory.path(percentEncoded: false)
    do {
      let path = "\(folder)/buildsrs-\(UUID().uuidString)"
      let file = try FileDescriptor.open(
        FilePath(path), .readWrite, options: [.create, .exclusiveCreate, .closeOnExec],
        permissions: [.ownerReadWrite])
      unlink(path)
      return file
    } catch {
      throw .files(action: "make a temporary file in", path: folder, reason: "\(error)")
    }
  }

  private static func text(of file: FileDescriptor) -> String {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count =
      (try? bytes.withUnsafeMutableBytes { try file.read(fromAbsoluteOffset: 0, into: $0) })
    return String(decoding: bytes.prefix(count ?? 0), as: UTF8.self)
  }

  /// Where the program is, found once: where PATH is long, a process is started for each of its folders to
  /// look for a name there, again for each command.
  private static var program: Executable {
    get async {
      if let path = found.withLock({ $0 }) { return .path(path) }
      // Without one the command fails, and says so.
      guard let path = try? await Executable.name("git").resolveExecutablePath(in: .inherit) else {
        return .name("git")
      }
      found.withLock { $0 = path }
      return .path(path)
    }
  }
  private static let found = Locked<FilePath?>(nil)

  /// Nothing may go on in the background when the command has ended.
  private static let settings = ["-c", "gc.autoDetach=false", "-c", "maintenance.autoDetach=false"]

  /// The process's own, but for what would lead `git` to another repository or let it ask a person.
  private static let environment = Environment.inherit.updating([
    "GIT_DIR": nil, "GIT_WORK_TREE": nil, "GIT_INDEX_FILE": nil, "GIT_OBJECT_DIRECTORY": nil,
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": nil, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C",
  ])

  private static func check(
    _ status: TerminationStatus, _ errors: String, _ arguments: [String]
  ) throws(RegistryError) {
    guard !status.isSuccess else { return }
    let text = errors.trimmingCharacters(in: .whitespacesAndNewlines)
    let reason = text.isEmpty ? "it ended with \(status)" : String(text.prefix(1000))
    throw .git(command: name(of: arguments), reason: reason)
  }

  private static func failure(_ error: any Error, _ arguments: [String]) -> RegistryError {
    let reason =
      error is CancellationError ? "it was stopped" : "\(error)"
    return .git(command: name(of: arguments), reason: reason)
  }

  private static func name(of arguments: [String]) -> String {
    arguments.first { !$0.hasPrefix("-") } ?? ""
  }
}
