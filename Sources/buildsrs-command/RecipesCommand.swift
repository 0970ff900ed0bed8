import ArgumentParser
import CommandLineSupport
import FarmModel
import Recipes

/// How crates are built, for those who write it down.
struct RecipesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recipes",
    abstract: "Checks and explains targets and recipes.",
    discussion: """
      EXAMPLES
        buildsrs recipes lint
        buildsrs recipes show ripgrep@13.0.0 --target aarch64-unknown-linux-gnu
      """,
    subcommands: [Lint.self, Show.self])

  struct Lint: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Reports every mistake of every file, with its line and column.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var recipes: RecipeOptions
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
      let settings = try common.settings(recipes)
      do {
        let set = try settings.recipeSet()
        if json { return try printJSON(set.warnings) }
        for warning in set.warnings { print(warning) }
        print("\(set.targets.count) targets, \(set.recipes.count) recipes: no mistakes")
      } catch let errors as RecipeErrors {
        guard json else { throw CommandFailure("\(errors)") }
        try printJSON(errors.diagnostics)
        throw ExitCode(CommandFailure.Code.failed.rawValue)
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints how a version is built for a target, and where each value comes from.")
    @Argument(help: "The crate and its version, such as ripgrep@13.0.0.") var version: String
    @Option(help: "The target triple.") var target: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var recipes: RecipeOptions
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
      let parts = version.split(separator: "@", maxSplits: 1)
      guard parts.count == 2, let crate = CrateName(parts[0]), let number = Semver(parts[1]) else {
        throw CommandFailure.usage("“\(version)” is no CRATE@VERSION, such as ripgrep@13.0.0")
      }
      guard let triple = TargetTriple(target) else {
        throw CommandFailure.usage("“\(target)” is no target triple")
      }
      let set = try common.settings(recipes).recipeSet()
      // The checksum has no part in how values are found.
      let facts = VersionFacts(
        crate: crate, version: number, checksum: String(repeating: "0", count: 64))
      if case .skip(let reason) = set.plan(for: facts, target: triple) {
        return print("\(version) is not built for \(triple): \(reason)")
      }
      guard let explanation = set.explain(facts, target: triple) else {
        throw CommandFailure("there is no target \(triple): see `buildsrs targets list`")
      }
      if json { return try printJSON(explanation) }
      var table = TextTable([.init("KEY"), .init("VALUE"), .init("FROM")])
      for value in explanation.values {
        table.add([.init(value.key), .init(value.value), .init(value.origin ?? "default", .dim)])
      }
      print(table.text(for: Terminal()))
    }
  }
}

extension Settings {
  /// The targets and recipes of the directories.
  /// - Throws: `RecipeErrors` with every mistake.
  func recipeSet() throws -> RecipeSet {
    try RecipeSet.load(targetsDirectory: targetsDirectory, recipesDirectory: recipesDirectory)
  }
}
