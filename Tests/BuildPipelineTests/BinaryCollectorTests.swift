import Blocking
import ExecutorKit
import FarmModel
import Foundation
import Testing

@testable import BuildPipeline

@Suite struct BinaryCollectorTests {
  static func folders(in folder: String) throws -> AttemptFolders {
    let folders = AttemptFolders(
      HostBuildRequest(
        identity: AttemptIdentity(owner: "o", job: 1, attempt: 1),
        plan: Plan(inputs: inputs(), checks: BuildChecks(), limits: Limits()), sourceURL: "",
        downloadTemplate: "", workDirectory: folder, storeDirectory: folder + "/store",
        filesDirectory: "", cacheDirectory: ""))
    try folders.create(module: "fake")
    try FileManager.default.createDirectory(
      atPath: folders.target + "/t/release", withIntermediateDirectories: true)
    return folders
  }

  private func refusal(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch {
      return (error as? ExecutorFailure)?.message
    }
  }

  @Test("a binary is copied, executable, to where nothing else writes")
  func copies() async throws {
    try await withFolder { folder in
      let folders = try Self.folders(in: folder)
      try Data("ELF".utf8).write(to: URL(filePath: folders.target + "/t/release/rg"))
      let found = [("rg", "/build/target/t/release/rg"), ("rg", "/build/target/t/release/rg")]
      let binaries = try BinaryCollector(folders: folders).collect(found)
      #expect(binaries == [BuiltBinary(name: "rg", path: folders.binaries + "/rg")])
      #expect(FileManager.default.contents(atPath: folders.binaries + "/rg") == Data("ELF".utf8))
      #expect(FileManager.default.isExecutableFile(atPath: folders.binaries + "/rg"))
      #expect(binaries[0].environmentPath == "/build/binaries/rg")
    }
  }

  @Test("links, folders, pipes and paths outside of the target folder are refused")
  func refusals() async throws {
    try await withFolder { folder in
      let folders = try Self.folders(in: folder)
      let release = folders.target + "/t/release"
      try FileManager.default.createSymbolicLink(
        atPath: release + "/link", withDestinationPath: "/etc/passwd")
      try FileManager.default.createSymbolicLink(
        atPath: folders.target + "/away", withDestinationPath: "/etc")
      mkfifo(release + "/pipe", 0o644)
      let collector = BinaryCollector(folders: folders)
      for path in [
        "/build/target/t/release/link", "/build/target/away/passwd", "/build/target/t/release/pipe",
        "/build/target/t/release", "/build/target/t/release/absent", "/etc/passwd",
        "/build/target/../../etc/passwd", "/build/target//t/release/rg", "/build/target/", "",
      ] {
        let message = refusal { _ = try collector.collect([("rg", path)]) }
        #expect(message?.contains("refused") == true, "\(path)")
      }
      let message = refusal { _ = try collector.collect([("../rg", "/build/target/t/release/rg")]) }
      #expect(message?.contains("not acceptable") == true)
    }
  }
}

@Suite(.timeLimit(.minutes(1))) struct GuardedRunTests {
  /// An environment whose command goes on until it is cancelled.
  private struct Endless: BuildEnvironment {
    let identity = EnvironmentIdentity(digest: "", rustc: "", cargo: "", linker: "")
    let begin: @Sendable (@Sendable (CommandOutput) -> Void) -> Void
    func run(
      _ command: EnvironmentCommand, output: @escaping @Sendable (CommandOutput) -> Void
    ) async throws -> CommandResult {
      begin(output)
      // A command that ends only by being cancelled.
      try await Task.sleep(for: .seconds(3600))
      return CommandResult(.exited(status: 0), seconds: 0)
    }
    func tearDown() async {}
  }

  private func guarded(
    _ folder: String, _ environment: any BuildEnvironment, diskLimit: Int64, interval: Duration,
    cache: CompileCache? = nil
  ) throws -> GuardedRun {
    let request = HostBuildRequest(
      identity: AttemptIdentity(owner: "o", job: 1, attempt: 1),
      plan: Plan(inputs: inputs(), checks: BuildChecks(), limits: Limits()), sourceURL: "",
      downloadTemplate: "", workDirectory: folder, storeDirectory: folder + "/store",
      filesDirectory: "", cacheDirectory: "")
    var folders = AttemptFolders(request)
    folders.compileCache = cache
    try folders.create(module: "fake")
    return GuardedRun(
      environment: environment, log: AttemptLog(limit: 100) { _ in }, folders: folders,
      diskLimit: diskLimit, interval: interval, cacheInterval: interval)
  }

  @Test("a build that fills the disk is ended")
  func diskLimit() async throws {
    try await withFolder { folder in
      let environment = Endless { _ in
        let file = URL(filePath: folder + "/target/big")
        try? Data(repeating: 1, count: 1 << 20).write(to: file)
      }
      let run = try guarded(
        folder, environment, diskLimit: 1 << 19, interval: .milliseconds(5))
      let failure = await #expect(throws: ExecutorFailure.self) {
        _ = try await run.run(EnvironmentCommand(["x"], timeLimitSeconds: 1)) { _ in }
      }
      #expect(failure?.failureClass == .diskFull)
    }
  }

  @Test("a build that is over before the disk is looked at does not get away with what it wrote")
  func diskLimitAtEnd() async throws {
    try await withFolder { folder in
      let run = try guarded(folder, Quick(), diskLimit: 1 << 19, interval: .seconds(3600))
      let failure = await #expect(throws: ExecutorFailure.self) {
        _ = try await run.run(EnvironmentCommand(["x"], timeLimitSeconds: 1)) { output in
          try? Data(output.bytes).write(to: URL(filePath: folder + "/target/big"))
        }
      }
      #expect(failure?.failureClass == .diskFull)
    }
  }

  /// An environment whose command ends at once, after it has printed a mebibyte.
  private struct Quick: BuildEnvironment {
    let identity = EnvironmentIdentity(digest: "", rustc: "", cargo: "", linker: "")
    func run(
      _ command: EnvironmentCommand, output: @escaping @Sendable (CommandOutput) -> Void
    ) async throws -> CommandResult {
      output(CommandOutput(.standardOutput, [UInt8](repeating: 1, count: 1 << 20)))
      return CommandResult(.exited(status: 0), seconds: 0)
    }
    func tearDown() async {}
  }

  @Test("a build that fills the compile cache is ended, and no other one for that")
  func compileCache() async throws {
    try await withFolder { folder in
      let cache = CompileCache(program: "/bin/true", directory: folder + "/cache")
      let filling = Endless { _ in try? fillBeyondMeasure(cache.objects) }
      let run = try guarded(
        folder, filling, diskLimit: 1 << 19, interval: .milliseconds(5), cache: cache)
      let failure = await #expect(throws: ExecutorFailure.self) {
        _ = try await run.run(EnvironmentCommand(["x"], timeLimitSeconds: 1)) { _ in }
      }
      #expect(failure?.failureClass == .diskFull)
      #expect(failure?.message.contains(cache.objects) == true)
      var other = try guarded(
        folder, Quick(), diskLimit: 1 << 21, interval: .seconds(3600), cache: cache)
      other.cachedBefore = .max
      _ = try await other.run(EnvironmentCommand(["x"], timeLimitSeconds: 1)) { _ in }
    }
  }

  @Test("a build with files that cannot be looked at is ended, and told so")
  func beyondMeasure() async throws {
    try await withFolder { folder in
      let filling = Endless { _ in try? fillBeyondMeasure(folder + "/target/deep") }
      let run = try guarded(folder, filling, diskLimit: 1 << 40, interval: .milliseconds(5))
      let failure = await #expect(throws: ExecutorFailure.self) {
        _ = try await run.run(EnvironmentCommand(["x"], timeLimitSeconds: 1)) { _ in }
      }
      #expect(failure?.failureClass == .diskFull)
      #expect(failure?.message.contains("more files than can be looked at") == true)
    }
  }

  @Test("hard links count once, and links are not followed")
  func diskUsage() async throws {
    try await withFolder { folder in
      try Data(repeating: 1, count: 1 << 16).write(to: URL(filePath: folder + "/a"))
      let before = DiskUsage.bytes(under: [folder])
      try FileManager.default.linkItem(atPath: folder + "/a", toPath: folder + "/b")
      try FileManager.default.createSymbolicLink(
        atPath: folder + "/usr", withDestinationPath: "/usr")
      #expect(before >= 1 << 16)
      #expect(DiskUsage.bytes(under: [folder]) - before < 1 << 16)
      #expect(DiskUsage.bytes(under: [folder + "/absent"]) == 0)
    }
  }
}
