import ArgumentParser
import CommandLineSupport
import ExecutorKit
import FarmModel
import Recipes

/// What the farm builds for.
struct TargetsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "targets",
    abstract: "Lists the targets that the farm builds for.",
    discussion: """
      EXAMPLES
        buildsrs targets list
        buildsrs targets show aarch64-unknown-linux-gnu
      """,
    subcommands: [List.self, Show.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists the targets.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var recipes: RecipeOptions
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
      let targets = try common.settings(recipes).recipeSet().targets
      if json { return try printJSON(targets.map(TargetLine.init)) }
      var table = TextTable([
        .init("TRIPLE"), .init("TIER", .right), .init("EXECUTOR"), .init("GLIBC"), .init("RUST"),
        .init("RUNNER"),
      ])
      for target in targets {
        table.add([
          .init(target.triple.text), .init(String(target.tier)), .init(target.executor),
          .init(target.glibc ?? "none"), .init(target.rust),
          .init(target.runner.isEmpty ? "native" : target.runner.joined(separator: " ")),
        ])
      }
      print(table.text(for: Terminal()))
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Prints one target as JSON.")
    @Argument(help: "The target triple.") var triple: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var recipes: RecipeOptions

    func run() throws {
      let set = try common.settings(recipes).recipeSet()
      guard let target = TargetTriple(triple).flatMap({ set.target($0) }) else {
        throw CommandFailure("there is no target “\(triple)”: see `buildsrs targets list`")
      }
      try printJSON(TargetLine(target))
    }
  }
}

/// A target as JSON.
private struct TargetLine: Encodable {
  let triple: String
  let executor: String
  let tier: Int
  let rust: String
  let linker: String
  let glibc: String?
  let runner: [String]
  let needed: [String]
  let limits: Limits
  let configuration: ConfigurationValue

  init(_ target: TargetDefinition) {
    triple = target.triple.text
    executor = target.executor
    tier = target.tier
    rust = target.rust
    linker = target.linker.rawValue
    glibc = target.glibc
    runner = target.runner
    needed = target.needed
    limits = target.limits.applied(to: Limits())
    configuration = target.configuration
  }
}
