import Blocking
import BuildPipeline
import ExecutorKit
import Foundation

/// An executor module that works by hand on this machine, and where it finds and keeps things.
public struct LocalModule: Sendable {
  public var program: HostProgram
  /// The module's shared library.
  public var path: String
  /// `targets/executors`.
  public var filesDirectory: String
  /// What modules keep for all builders of this machine.
  public var cacheDirectory: String
  /// Where the crate store and the work's own directories are.
  public var stateDirectory: String

  public init(
    program: HostProgram, path: String, filesDirectory: String, cacheDirectory: String,
    stateDirectory: String
  ) {
    self.program = program
    self.path = path
    self.filesDirectory = filesDirectory
    self.cacheDirectory = cacheDirectory
    self.stateDirectory = stateDirectory
  }

  /// Makes a directory for some work, after what killed processes have left was removed.
  /// - Throws: The file system's error, or ``BuilderSetupError``, where it cannot be made.
  func begin(_ name: String) async throws -> LocalWork {
    let state = stateDirectory
    let modules = URL(filePath: path).deletingLastPathComponent()
    for holder in await offCooperativePool({ LocalWork.removeLeftovers(in: state) }) {
      let module = modules.appending(path: holder.module).path(percentEncoded: false)
      guard FileManager.default.fileExists(atPath: module) else { continue }
      await sweep(owner: holder.owner, module: module)
    }
    let path = path
    return try await offCooperativePool { try LocalWork(name, in: state, module: path) }
  }

  /// Runs a request to its final event; what a lost child has left is swept.
  /// - Throws: ``HostFailure``.
  func run(
    _ request: HostRequest, in work: LocalWork, silenceLimit: Duration, control: HostControl,
    onEvent: @escaping @Sendable (HostEvent) async -> Void
  ) async throws -> HostEvent {
    do {
      return try await program.run(
        request, module: path, silenceLimit: silenceLimit, control: control,
        errorFile: work.path + "/host.stderr", onEvent: onEvent)
    } catch let failure as HostFailure {
      if failure.mayLeaveThingsBehind { await sweep(owner: LocalWork.owner, module: path) }
      throw failure
    }
  }

  /// Removes what a module has made for an owner none of whose attempts is alive.
  private func sweep(owner: String, module: String) async {
    _ = try? await program.run(
      .sweep(SweepRequest(owner: owner, alive: [])), module: module, silenceLimit: .seconds(60),
      control: HostControl(), errorFile: "\(NSTemporaryDirectory())/\(owner).sweep.stderr")
  }
}
