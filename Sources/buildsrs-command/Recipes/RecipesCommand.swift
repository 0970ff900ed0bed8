import ArgumentParser
import CommandLineSupport
import Recipes

/// How crates are built, for those who write it down.
struct RecipesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recipes",
    abstract: "Checks, explains, compares and applies targets and recipes.",
    discussion: """
      A farm goes by one revision of its targets and recipes, which is in its database. Edit the \
      files, `lint` them, look at what they would change by `plan`, and put them in force by `apply`; \
      every backend follows within seconds.

      EXAMPLES
        buildsrs recipes lint
        buildsrs recipes lint --format github
        buildsrs recipes show ripgrep@13.0.0 --target aarch64-unknown-linux-gnu
        buildsrs recipes schema --kind recipe > recipe.schema.json
        buildsrs recipes plan
        buildsrs recipes plan --check --json
        buildsrs recipes apply --note "static pcre2 for ripgrep"
      """,
    subcommands: [
      RecipesLint.self, RecipesShow.self, RecipesSchema.self, RecipesPlan.self, RecipesApply.self,
    ])
}

extension Settings {
  /// The targets and recipes of the directories.
  /// - Throws: `RecipeErrors` with every mistake.
  func recipeSet() throws -> RecipeSet {
    try RecipeSet.load(targetsDirectory: targetsDirectory, recipesDirectory: recipesDirectory)
  }

  /// The same with the file names that a revision has, whatever directories they are in; warnings go
  /// to standard error.
  /// - Throws: a failure that tells every mistake.
  func recipeSetToApply(_ terminal: Terminal) throws -> RecipeSet {
    do {
      let set = try recipeSet()
      for warning in set.warnings { terminal.printError("\(warning)") }
      return try RecipeSet(files: set.files)
    } catch let errors as RecipeErrors {
      throw CommandFailure("\(errors)")
    }
  }
}
