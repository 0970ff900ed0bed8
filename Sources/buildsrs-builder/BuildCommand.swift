import ArgumentParser
import Builder
import CommandLineSupport
import ExecutorKit
import FarmModel
import Foundation
import UnixSignals

struct BuildCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build",
    abstract: "Builds one crate on this machine, exactly as the farm would.",
    discussion: """
      Stages and the log go to standard error, the result to standard output. Exit code 0: built; \
      1: the build failed; 2: it was asked wrongly.

      EXAMPLES
        buildsrs-builder build hexyl --target x86_64-unknown-linux-gnu
        buildsrs-builder build ripgrep@13.0.0 --target aarch64-unknown-linux-gnu \\
          --registry-url sparse+http://127.0.0.1:8800/ --output out
        buildsrs-builder build hexyl --target x86_64-unknown-linux-gnu --json | jq .binaries
      """)

  @OptionGroup var machine: MachineOptions
  @OptionGroup var registry: RegistryOptions

  @Argument(
    help: ArgumentHelp(
      "The crate, and its version if not the latest.", valueName: "crate[@version]"))
  var crate: String

  @Option(help: "The target triple.")
  var target: String

  @Option(help: "The directory of recipes (default: recipes).", completion: .directory)
  var recipesDirectory: String?

  @Option(help: "Another executor module than the target's own.")
  var executor: String?

  @Option(help: "Where the artifacts go (default: the current directory).", completion: .directory)
  var output = "."

  @Flag(help: "Leave the build's own directory, and tell where it is.")
  var keep = false

  @Flag(help: "Print the report as JSON.")
  var json = false

  func run() async throws {
    let recipes = Flags(flags: [.recipesDirectory: recipesDirectory.map { [$0] } ?? []])
    let settings = try machine.settings(registry, recipes)
    let wanted = try WantedBuild(crate: crate, target: target)
    let source = try await ResolvedBuild(wanted, executor: executor, settings: settings)
    let plan = source.plan
    let prober = try settings.prober(scratch: NSTemporaryDirectory())
    let build = LocalBuild(
      program: prober.program, module: try await module(plan.inputs.executor, prober),
      filesDirectory: prober.filesDirectory, cacheDirectory: prober.cacheDirectory,
      stateDirectory: absolutePath(settings.stateDirectory),
      plan: plan, sourceURL: source.sourceURL, downloadTemplate: source.downloadTemplate)
    try await perform(build, BuildPrinter(terminal: Terminal()))
  }

  private func module(_ name: String, _ prober: ModuleProber) async throws -> String {
    do { return try await prober.modulePath(of: name) } catch let error as BuilderSetupError {
      throw CommandFailure(error.description)
    }
  }

  private func perform(_ build: LocalBuild, _ printer: BuildPrinter) async throws {
    await printer.begin(build.plan)
    let result: (AttemptOutcome, BuildReport?)
    do {
      result = try await runCancellable(build, printer)
    } catch let failure as HostFailure {
      await clean(build)
      throw CommandFailure(failure.description)
    }
    guard case (.succeeded, let report?) = result else {
      await clean(build)
      if case .failed(let failureClass, let message) = result.0 {
        if json { print(try BuildPrinter.json(result.0)) }
        throw CommandFailure("\(failureClass.rawValue): \(message)")
      }
      throw CommandFailure("the host reported a success without a report")
    }
    let paths = try await build.moveArtifacts(report.artifacts, to: absolutePath(output))
    await clean(build)
    print(json ? try BuildPrinter.json(report) : printer.summary(report, build.plan, paths))
  }

  /// The first Ctrl-C or SIGTERM asks the host to tear down.
  private func runCancellable(_ build: LocalBuild, _ printer: BuildPrinter) async throws -> (
    AttemptOutcome, BuildReport?
  ) {
    let control = HostControl()
    return try await withThrowingTaskGroup(of: (AttemptOutcome, BuildReport?)?.self) { group in
      let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
      group.addTask {
        for await _ in signals { control.cancel() }
        return nil
      }
      group.addTask { try await build.run(control: control) { await printer.show($0) } }
      defer { group.cancelAll() }
      while let end = try await group.next() { if let end { return end } }
      throw CancellationError()
    }
  }

  private func clean(_ build: LocalBuild) async {
    if keep {
      Terminal().printError("kept: \(build.workDirectory)")
    } else {
      await build.removeWork()
    }
  }
}
