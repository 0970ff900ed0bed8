import ArgumentParser
import Builder
import BuilderProtocol
import CommandLineSupport
import ExecutorKit
import Foundation

struct ProbeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "probe",
    abstract: "Shows what this machine can build, and why not the rest.",
    discussion: """
      EXAMPLES
        buildsrs-builder probe
        buildsrs-builder probe --json | jq '.targets[] | select(.health.ready)'
      """)

  @OptionGroup var machine: MachineOptions

  @Flag(help: "Print the capabilities as the backend gets them.")
  var json = false

  func run() async throws {
    let settings = try machine.settings()
    let prober = try settings.prober(scratch: NSTemporaryDirectory())
    let modules: [ProbedModule]
    do { modules = try await prober.probeAll() } catch let error as BuilderSetupError {
      throw CommandFailure(error.description, exitCode: .usage)
    }
    let capabilities = Capabilities(
      modules: modules, offered: prober.targets,
      machine: MachineFacts(stateDirectory: absolutePath(".")), labels: [:],
      slots: max(1, ProcessInfo.processInfo.activeProcessorCount / 2))
    print(json ? try Self.json(capabilities) : Self.text(capabilities, modules))
  }

  private static func json(_ capabilities: Capabilities) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(capabilities), as: UTF8.self)
  }

  private static func text(_ capabilities: Capabilities, _ modules: [ProbedModule]) -> String {
    let terminal = Terminal()
    var parts = [
      """
      \(capabilities.architecture), \(capabilities.cores) cores, \
      \(size(capabilities.memoryBytes)) memory, \(size(capabilities.diskBytes)) disk free
      """
    ]
    var moduleTable = TextTable([.init("MODULE"), .init("VERSION"), .init("FINDS")])
    for module in modules {
      let facts = module.facts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
      moduleTable.add([
        .init(module.name), .init(module.description?.version ?? "–"),
        module.problem.map { .init($0, .red) } ?? .init(facts.joined(separator: "; ")),
      ])
    }
    parts.append(modules.isEmpty ? "no modules" : moduleTable.text(for: terminal))
    var targetTable = TextTable([
      .init("TARGET"), .init("MODULE"), .init("HEALTH"), .init("WHY, AND WHAT TO DO"),
    ])
    for target in capabilities.targets {
      let (health, why) = cells(target.health)
      targetTable.add([.init(target.triple), .init(target.module), health, .init(why)])
    }
    parts.append(capabilities.targets.isEmpty ? "no targets" : targetTable.text(for: terminal))
    return parts.joined(separator: "\n\n")
  }

  private static func cells(_ health: TargetHealth) -> (TextTable.Cell, String) {
    switch health {
    case .ready(let toolchains):
      (
        .init("ready", .green),
        toolchains.isEmpty ? "" : "Rust " + toolchains.joined(separator: ", ")
      )
    case .unhealthy(let reason, let remedy):
      (.init("unhealthy", .red), remedy.isEmpty ? reason : "\(reason) – \(remedy)")
    case .absent(let reason): (.init("absent", .dim), reason)
    }
  }

  private static func size(_ bytes: Int64) -> String {
    String(format: "%.1f GiB", Double(bytes) / Double(1 << 30))
  }
}
