import Blocking
import ExecutorKit
import FarmModel

/// Calls Cargo in the environment and takes over the binaries that it makes.
struct CompileStage: Sendable {
  let plan: Plan
  let run: GuardedRun
  let source: FetchedSource

  /// - Throws: ``ExecutorFailure`` with the class that the build's end and its output tell.
  func build() async throws -> [BuiltBinary] {
    let output = BuildOutput(log: run.log)
    var command = BuildCommand(inputs: plan.inputs, limits: plan.limits).command
    command.variables.merge(run.folders.compileCache?.variables ?? [:]) { $1 }
    run.log.line(ShellCommand(command: command).text)
    let result = try await run.run(command) { output.add($0) }
    output.finish()
    let (named, errors) = output.result
    if let failure = errors.failure(of: result, plan: plan) { throw failure }
    let collector = BinaryCollector(folders: run.folders)
    let binaries = try await offCooperativePool { try collector.collect(named) }
    try await takeTexts(from: output.scriptFolders, binaries: binaries.map(\.name))
    let leftOut = source.leftOut(built: binaries.map(\.name), wanted: plan.inputs.binaries)
    for binary in leftOut {
      run.log.line("left out: \(binary.name), \(Self.reason(binary))")
    }
    guard !binaries.isEmpty else { throw noBinaries(leftOut) }
    return binaries
  }

  /// Manual pages and completions that the build script has made.
  private func takeTexts(from scriptFolders: [String], binaries: [String]) async throws {
    let collector = GeneratedTexts(folders: run.folders, binaries: binaries)
    let taken = try await offCooperativePool { () throws(ExecutorFailure) in
      try collector.collect(from: scriptFolders)
    }
    if !taken.isEmpty {
      run.log.line("made by the build script: " + taken.joined(separator: ", "))
    }
  }

  private static func reason(_ binary: LeftOutBinary) -> String {
    binary.requiredFeatures.isEmpty
      ? "Cargo did not build it"
      : "which needs the features " + binary.requiredFeatures.joined(separator: ", ")
  }

  private func noBinaries(_ leftOut: [LeftOutBinary]) -> ExecutorFailure {
    guard !leftOut.isEmpty else {
      return ExecutorFailure(.noBinaries, "the package has no binary; it is a library")
    }
    let list = leftOut.map { "\($0.name) (\(Self.reason($0)))" }.joined(separator: "; ")
    return ExecutorFailure(.noBinaries, "no binary was built. Left out: \(list)")
  }
}
