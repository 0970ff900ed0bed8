import ArgumentParser
import BuildPipeline
import Builder
import CommandLineSupport
import ExecutorKit
import FarmModel
import Foundation

struct BuildCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build",
    abstract: "Builds one crate on this machine, exactly as the farm would.",
    discussion: """
      Stages and the log go to standard error, the result to standard output. With --twice each \
      build is done once more in another directory, and the files are compared; the finding is \
      written into the metadata file. Exit code 0: built, and with --twice reproduced; 1: a build \
      failed or differs, which --json tells as well, or, then without JSON, nothing could be built: \
      the registry is not reachable, or has no such version, or the recipes leave it out; 2: it was \
      asked wrongly. What the author says in the crate's Cargo.toml holds as it does for the farm, \
      but for an opt-out, which is only warned of: it is about what farms publish.

      EXAMPLES
        buildsrs-builder build hexyl --target x86_64-unknown-linux-gnu
        buildsrs-builder build hexyl --target x86_64-unknown-linux-musl --twice
        buildsrs-builder build ripgrep@13.0.0 --target x86_64-unknown-linux-gnu \\
          --target aarch64-unknown-linux-gnu \\
          --registry-url sparse+http://127.0.0.1:8800/ --output out
        buildsrs-builder build hexyl --target x86_64-unknown-linux-gnu --json | jq .binaries
      """)

  @OptionGroup var machine: MachineOptions
  @OptionGroup var registry: RegistryOptions
  @OptionGroup var cache: CompileCacheOptions

  @Argument(
    help: ArgumentHelp(
      "The crate, and its version if not the latest.", valueName: "crate[@version]"))
  var crate: String

  @Option(help: "The target triple; repeated, they are built one after another.")
  var target: [String]

  @Option(help: "The directory of recipes (default: recipes).", completion: .directory)
  var recipesDirectory: String?

  @Option(help: "Another executor module than the target's own.")
  var executor: String?

  @Option(help: "Where the artifacts go (default: the current directory).", completion: .directory)
  var output = "."

  @Flag(help: "Build twice and compare.")
  var twice = false

  @Flag(help: "Leave the build's own directory, and tell where it is.")
  var keep = false

  @Flag(help: "Print the report as JSON; a list where there are several targets.")
  var json = false

  func run() async throws {
    let recipes = Flags(flags: [.recipesDirectory: recipesDirectory.map { [$0] } ?? []])
    let settings = try machine.settings(registry, recipes)
    let wanted = try target.map { (triple) throws(CommandFailure) in
      try WantedBuild(crate: crate, target: triple)
    }
    let prober = try settings.prober(scratch: NSTemporaryDirectory())
    let compileCache = try cache.resolved()
    var authors = AuthorWords()
    var builds: [LocalBuild] = []
    // A target that was named twice is one.
    for (index, one) in wanted.enumerated() where wanted.firstIndex(of: one) == index {
      builds.append(try await localBuild(one, settings, prober, compileCache, &authors))
    }
    // Nothing is made for what cannot be built, and nothing is built that has no place.
    try makeDirectory(absolutePath(settings.stateDirectory), of: "--state-directory")
    try makeDirectory(absolutePath(output), of: "--output")
    try await buildAll(builds, BuildPrinter(terminal: Terminal()))
  }

  private func localBuild(
    _ wanted: WantedBuild, _ settings: Settings, _ prober: ModuleProber, _ cache: CompileCache?,
    _ authors: inout AuthorWords
  ) async throws -> LocalBuild {
    let source = try await ResolvedBuild(
      wanted, executor: executor, settings: settings, authors: &authors)
    let module = try await settings.localModule(source.plan.inputs.executor, prober)
    var build = LocalBuild(
      module: module, plan: source.plan, sourceURL: source.sourceURL,
      downloadTemplate: source.downloadTemplate)
    build.compileCache = cache
    return build
  }

  /// Every build gets its turn, whatever became of the ones before; then the failures are told.
  private func buildAll(_ builds: [LocalBuild], _ printer: BuildPrinter) async throws {
    var results: [LocalResult] = []
    var failures: [String] = []
    for build in builds {
      let result = await perform(build, printer)
      results.append(result)
      if let failure = result.failure {
        let triple = builds.count > 1 ? "\(build.plan.inputs.target): " : ""
        failures.append(triple + failure)
      }
      if !json, let summary = printer.summary(result) { print(summary) }
      if result.wasCancelled { break }
    }
    if json {
      print(
        builds.count == 1
          ? try BuildPrinter.json(results.first) : try BuildPrinter.json(results))
    }
    if !failures.isEmpty { throw CommandFailure(failures.joined(separator: "\n")) }
  }

  private func perform(_ build: LocalBuild, _ printer: BuildPrinter) async -> LocalResult {
    var result = LocalResult(plan: build.plan, outcome: .succeeded)
    await once(build, into: &result, printer) { work, report, result in
      result.paths = try await put(report.artifacts, of: work, into: absolutePath(output))
      result.report = report
    }
    if twice, let report = result.report {
      await repeatBuild(build, of: report, into: &result, printer)
    }
    return result
  }

  /// Builds once more and compares; what differs is kept beside the first for a person to look at.
  private func repeatBuild(
    _ first: LocalBuild, of report: BuildReport, into result: inout LocalResult,
    _ printer: BuildPrinter
  ) async {
    var again = first
    again.round = 2
    await once(again, into: &result, printer) { work, second, result in
      let finding = ReproducibilityFinding(comparing: report, with: second)
      result.reproducibility = finding
      if finding.verdict == .differs {
        result.otherPaths = try await put(
          second.artifacts, of: work, into: absolutePath(output) + "/once-more")
      }
      let folder = absolutePath(output)
      do { result.report = try await LocalBuild.record(finding, of: report, in: folder) } catch {
        throw LocalTrouble("the finding cannot be written into the metadata in \(folder)", error)
      }
    }
  }

  private func put(
    _ artifacts: [ArtifactReport], of work: LocalWork, into folder: String
  ) async throws(LocalTrouble) -> [String] {
    do { return try await LocalBuild.move(artifacts, from: work, to: folder) } catch {
      throw LocalTrouble("what was built cannot be put into \(folder)", error)
    }
  }

  /// One run. What keeps the farm's own programs from an answer, or this machine from putting it down, is
  /// a failed outcome, too: the other targets get their turn.
  /// - Parameter use: what to do with a success, before its directory is removed.
  private func once(
    _ build: LocalBuild, into result: inout LocalResult, _ printer: BuildPrinter,
    use: (LocalWork, BuildReport, inout LocalResult) async throws -> Void
  ) async {
    await printer.begin(build.plan)
    let work: LocalWork
    do { work = try await build.begin() } catch {
      result.outcome = LocalTrouble("there is no place to build", error).outcome
      return
    }
    do {
      let control = HostControl()
      let (outcome, report) = try await cancelledBySignals(control) {
        try await build.run(in: work, control: control) { await printer.show($0) }
      }
      result.outcome = outcome
      if outcome == .succeeded, let report { try await use(work, report, &result) }
    } catch let failure as HostFailure {
      result.outcome = failure.outcome
    } catch let trouble as LocalTrouble {
      result.outcome = trouble.outcome
    } catch {
      result.outcome = LocalTrouble("the build cannot be followed", error).outcome
    }
    await clean(work)
  }

  private func clean(_ work: LocalWork) async {
    guard keep else { return await work.remove() }
    work.leave()
    Terminal().printError("kept: \(work.path)")
  }
}
