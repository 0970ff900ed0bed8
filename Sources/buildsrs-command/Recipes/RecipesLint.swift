import ArgumentParser
import CommandLineSupport
import Recipes

/// All mistakes of all files at once.
struct RecipesLint: ParsableCommand {
  /// How mistakes are told.
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json, github
  }

  static let configuration = CommandConfiguration(
    commandName: "lint",
    abstract: "Reports every mistake of every file, with its line and column.",
    discussion: """
      Exit code 0: no mistakes (warnings do not count); 1: mistakes. Of a file with more than fifty \
      the text shows the first fifty, JSON and annotations show up to a thousand; all are counted.

      EXAMPLES
        buildsrs recipes lint
        buildsrs recipes lint --format github    # annotations of a workflow's run
      """)
  @OptionGroup var common: CommonOptions
  @OptionGroup var recipes: RecipeOptions
  @Option(help: "text, json, or github for annotations of a GitHub workflow (default: text).")
  var format: Format?
  @Flag(help: "Print JSON: the same as --format json.") var json = false

  func validate() throws {
    if json, let format, format != .json {
      throw ValidationError("--json and --format \(format.rawValue) contradict each other")
    }
  }

  func run() throws {
    let settings = try common.settings(recipes)
    do {
      let set = try settings.recipeSet()
      try tell(set.warnings, isBroken: false)
      if !json, format != .json {
        print("\(set.targets.count) targets, \(set.recipes.count) recipes: no mistakes")
      }
    } catch let errors as RecipeErrors {
      try tell(errors.diagnostics, isBroken: true)
      throw ExitCode(CommandFailure.Code.failed.rawValue)
    }
  }

  private func tell(_ diagnostics: [RecipeDiagnostic], isBroken: Bool) throws {
    switch json ? .json : format ?? .text {
    case .json: try printJSON(diagnostics)
    case .github: for diagnostic in diagnostics { print(diagnostic.workflowAnnotation) }
    case .text:
      let terminal = Terminal()
      for diagnostic in RecipeDiagnostic.forPeople(diagnostics) {
        if isBroken { terminal.printError("\(diagnostic)") } else { print(diagnostic) }
      }
      let mistakes = RecipeDiagnostic.errorCount(diagnostics)
      if isBroken { terminal.printError(mistakes == 1 ? "1 mistake" : "\(mistakes) mistakes") }
    }
  }
}
