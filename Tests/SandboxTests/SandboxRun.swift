import ExecutorKit
import Foundation
import Sandbox
import Testing

/// A folder that goes, a root file system that is nothing but this machine's own programs, and a
/// sandbox in it.
final class SandboxRun: Sendable {
  let folder: String
  let writable: String
  let sandbox: Sandbox
  let identity: AttemptIdentity

  init(_ limits: Limits = Limits(memory: 256 << 20, disk: 64 << 20, processes: 64)) throws {
    folder = FileManager.default.temporaryDirectory.path + "/sandbox-\(UUID().uuidString)"
    writable = folder + "/writable"
    let files = FileManager.default
    // Only its owner may enter it, as a state directory may be.
    try files.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    for path in [writable, folder + "/root/etc", folder + "/readable"] {
      try files.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    for name in ["bin", "lib", "lib64"] {
      try files.createSymbolicLink(
        atPath: "\(folder)/root/\(name)", withDestinationPath: "usr/\(name)")
    }
    try "seen\n".write(toFile: folder + "/readable/file", atomically: true, encoding: .utf8)
    identity = AttemptIdentity(
      owner: "test" + UUID().uuidString.prefix(8), job: .random(in: 1...1_000_000), attempt: 2)
    sandbox = try Sandbox(
      SandboxSpec(
        root: folder + "/root",
        mounts: [
          Mount(source: "/usr", destination: "/usr", isWritable: false),
          Mount(source: writable, destination: "/build/writable", isWritable: true),
          Mount(source: folder + "/readable", destination: "/build/readable", isWritable: false),
        ], limits: limits),
      identity: identity, scratchDirectory: folder)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Runs a shell script and answers how it ended and what it printed on both streams.
  func shell(
    _ script: String, variables: [String: String] = [:], time: Int = 30
  ) async throws -> (result: CommandResult, text: String) {
    try await run(["sh", "-c", script], variables: variables, time: time)
  }

  func run(
    _ arguments: [String], variables: [String: String] = [:], time: Int = 30,
    output: @escaping @Sendable (CommandOutput) -> Void = { _ in }
  ) async throws -> (result: CommandResult, text: String) {
    let text = Collected()
    let command = EnvironmentCommand(
      arguments, variables: variables, workingDirectory: "/build/writable", timeLimitSeconds: time)
    let result = try await sandbox.run(command) {
      text.add($0)
      output($0)
    }
    return (result, text.text)
  }

  /// Control groups of this run's owner that are there, and processes whose command line has a word.
  func leftovers(marked word: String) -> [String] {
    let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"]
    let groups = roots.map { "\($0)/buildsrs/\(identity.owner)" }
      .filter { FileManager.default.fileExists(atPath: $0) }
    return groups + Self.processes(marked: word)
  }

  static func processes(marked word: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.filter { Int($0) != nil && Int($0) != Int(getpid()) }.filter { name in
      let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") ?? Data()
      return String(decoding: line, as: UTF8.self).contains(word)
    }
  }
}

/// What a command prints, in the order of arrival, and a way to await a word in it.
final class Collected: @unchecked Sendable {
  // @unchecked: both are touched only with `lock` held.
  private let lock = NSLock()
  private var bytes: [UInt8] = []
  private var waiting: [(word: String, continuation: CheckedContinuation<Void, Never>)] = []

  var text: String { lock.withLock { String(decoding: bytes, as: UTF8.self) } }

  func add(_ output: CommandOutput) {
    lock.withLock {
      bytes += output.bytes
      let text = String(decoding: bytes, as: UTF8.self)
      waiting.removeAll { waiter in
        guard text.contains(waiter.word) else { return false }
        waiter.continuation.resume()
        return true
      }
    }
  }

  func contains(_ word: String) async {
    await withCheckedContinuation { continuation in
      lock.withLock {
        if String(decoding: bytes, as: UTF8.self).contains(word) {
          continuation.resume()
        } else {
          waiting.append((word, continuation))
        }
      }
    }
  }
}
