import Archives
import Builder
import ExecutorKit
import Foundation
import Logging

/// The programs and modules that were built with these tests.
enum BuiltPrograms {
  /// The folder of the test bundle.
  static var folder: String {
    let running = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? running ?? "."
    let path = URL(filePath: bundle).deletingLastPathComponent().path(percentEncoded: false)
    return path.hasSuffix("/") ? String(path.dropLast()) : path
  }
}

extension BuilderServiceTests {
  /// A backend with these scripts, one a connection.
  static func backend(
    uploadStatuses: [Int] = [],
    _ scripts: @Sendable (BuilderBackend, BackendConversation) async throws -> Void...
  ) throws -> BuilderBackend {
    BuilderBackend(
      crate: try crate(), uploadStatuses: uploadStatuses,
      scripts: scripts.map { script in { try await script($1, $0) } })
  }

  /// Runs a builder against the backend to its end, in a directory that is removed.
  static func run(
    _ backend: BuilderBackend, probe: String = "ready", silenceMargin: Duration = .seconds(60),
    environment: [String: String] = [:],
    check: @escaping @Sendable (BuilderEnding, String) throws -> Void
  ) async throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let modules = folder + "/modules"
    try FileManager.default.createDirectory(atPath: modules, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: modules + "/libFakeExecutor.so",
      withDestinationPath: BuiltPrograms.folder + "/libFakeExecutor.so")
    let state = try StateDirectory(path: folder + "/state")
    let offered = OfferedTarget(
      triple: target, executor: "fake", configuration: .map(["probe": .text(probe)]))
    let prober = ModuleProber(
      program: HostProgram(
        path: BuiltPrograms.folder + "/buildsrs-executor-host",
        environment: ProcessInfo.processInfo.environment.merging(environment) { $1 },
        grace: .seconds(1)),
      modulesDirectory: modules, filesDirectory: folder,
      cacheDirectory: folder + "/modules", targets: [offered],
      scratchDirectory: folder, timeLimit: probe == "hang" ? .seconds(2) : .seconds(20))
    var logger = Logger(label: "builder")
    logger.logLevel = .critical
    let quiet = logger
    try await backend.serve { origin in
      let service = try BuilderService(
        configuration: BuilderConfiguration(
          backends: [try BackendAddress(origin)], name: "tested", version: "0", slots: 1,
          silenceMargin: silenceMargin),
        state: state, prober: prober, logger: quiet)
      try check(try await service.run(stops: backend.stops), state.path)
    }
  }

  private static func temporaryFolder() throws -> String {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "builder-test-\(UUID().uuidString)").path(percentEncoded: false)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
  }

  /// A `.crate` without dependencies.
  private static func crate() throws -> [UInt8] {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let package = "name = \"hello\"\nversion = \"1.0.0\"\n"
    let files = [
      "Cargo.toml": "[package]\n\(package)edition = \"2021\"\n",
      "Cargo.lock": "version = 3\n\n[[package]]\n\(package)",
      "src/main.rs": "fn main() {}\n",
    ]
    let path = folder + "/hello.crate"
    try writeReproducibleTarGz(
      entries: files.map {
        ArchiveInput(path: "hello-1.0.0/\($0.key)", content: .bytes(Array($0.value.utf8)))
      }, to: path, modificationTime: 1_153_704_088)
    return Array(FileManager.default.contents(atPath: path) ?? Data())
  }
}
