import ArgumentParser
import BuildPipeline
import Builder
import CommandLineSupport
import ExecutorKit
import FarmModel
import Foundation
import Recipes

struct PrepareCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prepare",
    abstract: "Makes the environments of targets ready ahead of builds.",
    discussion: """
      Images, root file systems and toolchains are made once and kept; the first build of a target \
      makes them too, and takes as much longer. What is there already is found at once. Progress \
      goes to standard error. Exit code 0: all are ready; 1: one could not be made.

      EXAMPLES
        buildsrs-builder prepare
        buildsrs-builder prepare --target x86_64-unknown-linux-musl
        buildsrs-builder prepare --target aarch64-unknown-linux-gnu --executor qemu --json
      """)

  @OptionGroup var machine: MachineOptions

  @Option(help: "A target triple; repeated, several (default: all that this machine can build).")
  var target: [String] = []

  @Option(help: "Only this executor module (default: each that builds for the target).")
  var executor: String?

  @Flag(help: "Print the environments as JSON.")
  var json = false

  func run() async throws {
    let settings = try machine.settings()
    let prober = try settings.prober(scratch: NSTemporaryDirectory())
    let terminal = Terminal()
    var made: [PreparedEnvironment] = []
    var failures: [String] = []
    for wanted in try await wanted(settings, prober) {
      let (definition, offer, module) = wanted
      terminal.printError("\(definition.triple) by \(offer.executor)")
      let preparation = EnvironmentPreparation(
        module: settings.localModule(at: module, prober),
        plan: definition.environmentPlan(for: offer))
      do { made.append(try await prepare(preparation)) } catch let failure as ExecutorFailure {
        failures.append("\(definition.triple) by \(offer.executor): \(failure)")
        if failure.failureClass == .cancelled { break }
      }
    }
    print(json ? try BuildPrinter.json(made) : Self.table(made).text(for: terminal))
    guard failures.isEmpty else { throw CommandFailure(failures.joined(separator: "\n")) }
  }

  private typealias Wanted = (TargetDefinition, ExecutorOffer, modulePath: String)

  /// The offers that were asked for, or all that can be made here, with their modules.
  private func wanted(_ settings: Settings, _ prober: ModuleProber) async throws -> [Wanted] {
    let targets = try settings.targetDefinitions().filter {
      target.isEmpty || target.contains($0.triple.text)
    }
    for triple in target where !targets.contains(where: { $0.triple.text == triple }) {
      throw CommandFailure.usage("there is no target \(triple) in \(settings.targetsDirectory)")
    }
    let modules: [ProbedModule]
    do { modules = try await prober.probeAll() } catch let error as BuilderSetupError {
      throw CommandFailure(error.description, exitCode: .usage)
    }
    var wanted: [Wanted] = []
    for definition in targets {
      for offer in definition.offers where executor == nil || offer.executor == executor {
        let module = modules.first { $0.name == offer.executor }
        switch module?.targets[definition.triple.text] {
        case .ready?: wanted.append((definition, offer, module?.path ?? ""))
        case let health where executor != nil || !target.isEmpty:
          throw CommandFailure(
            Self.refusal(definition.triple, offer.executor, health),
            exitCode: health == nil ? .usage : .failed)
        default: continue
        }
      }
    }
    guard !wanted.isEmpty else {
      throw executor.map { .usage("no such target names the executor \($0)") }
        ?? CommandFailure(
          "this machine can build for no target; `buildsrs-builder probe` tells why")
    }
    return wanted
  }

  private static func refusal(
    _ triple: TargetTriple, _ executor: String, _ health: TargetHealth?
  ) -> String {
    let why =
      switch health {
      case .unhealthy(let reason, let remedy)?: reason + "; " + remedy
      case .absent(let reason)?: reason
      case .ready?, nil: "there is no such module here"
      }
    return "\(triple) cannot be built by \(executor): \(why)"
  }

  private func prepare(_ preparation: EnvironmentPreparation) async throws -> PreparedEnvironment {
    let start = ContinuousClock.now
    let control = HostControl()
    do {
      let identity = try await cancelledBySignals(control) {
        try await preparation.run(control: control) { event in
          guard case .log(let text) = event else { return }
          try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
        }
      }
      return PreparedEnvironment(
        target: preparation.plan.inputs.target, executor: preparation.plan.inputs.executor,
        environment: identity, seconds: (ContinuousClock.now - start) / .seconds(1))
    } catch let failure as HostFailure {
      // Told like one of the module's own: the other environments get their turn.
      throw ExecutorFailure(
        failure.kind == .cancelled ? .cancelled : .infrastructure, failure.description)
    } catch let failure as ExecutorFailure {
      throw failure
    } catch {
      throw ExecutorFailure(
        .infrastructure, LocalTrouble("there is no place to make it", error).message)
    }
  }

  private static func table(_ made: [PreparedEnvironment]) -> TextTable {
    var table = TextTable([
      .init("TARGET"), .init("EXECUTOR"), .init("RUST"), .init("ENVIRONMENT"), .init("SECONDS"),
    ])
    for one in made {
      table.add([
        .init(one.target), .init(one.executor), .init(one.environment.rustVersion),
        .init(String(one.environment.digest.prefix(19))),
        .init(String(format: "%.1f", one.seconds)),
      ])
    }
    return table
  }
}

/// One environment that is ready.
private struct PreparedEnvironment: Encodable {
  var target: String
  var executor: String
  var environment: EnvironmentIdentity
  var seconds: Double
}
