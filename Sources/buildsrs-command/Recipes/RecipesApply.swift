import ArgumentParser
import Backend
import CommandLineSupport
import Database
import Recipes

/// Puts the directories' set in force.
struct RecipesApply: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Puts the directories' targets and recipes in force, whole or not at all.",
    discussion: """
      All backends follow within seconds, and one of them changes the jobs as `buildsrs recipes \
      plan` tells. To go back, apply the older files: they become a new revision.

      EXAMPLES
        buildsrs recipes apply
        buildsrs recipes apply --expect 12 --note "$(git rev-parse HEAD)"
      """)
  @Option(help: "What the revision is about, for people.") var note = ""
  @Option(
    help: "Only if this revision is in force, such as the one that `recipes plan` compared with.")
  var expect: Int64?
  @OptionGroup var common: CommonOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var recipes: RecipeOptions
  @Flag(help: "Print JSON.") var json = false

  private struct Answer: Encodable {
    let revision: Int64
    let previous: Int64?
    let changed: Bool
    let digest: String
  }

  func run() async throws {
    let settings = try common.settings(database, recipes)
    let set = try settings.recipeSetToApply(Terminal())
    let expectation = expect.map { RecipeExpectation.revision($0) } ?? .any
    let installed: RecipeInstallation
    do {
      installed = try await settings.withFarmDatabase {
        try await $0.install(set, note: note, expecting: expectation)
      }
    } catch let changed as RecipesChanged {
      throw CommandFailure("\(changed): look at `buildsrs recipes plan` again")
    }
    if json {
      return try printJSON(
        Answer(
          revision: installed.revision, previous: installed.previous, changed: installed.isNew,
          digest: set.digest))
    }
    guard installed.isNew else {
      return print("nothing to do: revision \(installed.revision) has these files")
    }
    let before = installed.previous.map { " (before: \($0))" } ?? ""
    print("revision \(installed.revision) is in force\(before); backends follow within 5 s")
  }
}
