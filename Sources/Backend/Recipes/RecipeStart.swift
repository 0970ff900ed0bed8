import Database
import Logging
import Recipes

/// Finds the recipes that a backend begins with: the revision in force, else its directories' set,
/// which it puts in force.
struct RecipeStart: Sendable {
  let configuration: BackendConfiguration
  let database: FarmDatabase
  let logger: Logger

  /// - Throws: `RecipeErrors` where no revision is in force and the directories are broken;
  ///   ``BackendStartError/recipesNotUnderstood(revision:reason:)``.
  func run() async throws -> RecipeBook {
    if let revision = try await database.activeRecipes() {
      let book = try await read(revision)
      await compare(book)
      return book
    }
    let set = try await load()
    for warning in set.warnings { logger.warning("\(warning.summary)") }
    do {
      let installed = try await database.install(
        set, note: "the first start of a backend", expecting: .nothing)
      return RecipeBook(set, revision: installed.revision)
    } catch let changed as RecipesChanged {
      // Two backends have started together.
      guard let revision = try await database.activeRecipes() else { throw changed }
      return try await read(revision)
    }
  }

  private func load() async throws -> RecipeSet {
    try await RecipeLoading.load(
      targets: configuration.targetsDirectory, recipes: configuration.recipesDirectory)
  }

  private func read(_ revision: RecipeRevision) async throws -> RecipeBook {
    do {
      return RecipeBook(try await RecipeLoading.read(revision), revision: revision.id)
    } catch let errors as RecipeErrors {
      throw BackendStartError.recipesNotUnderstood(revision: revision.id, reason: "\(errors)")
    }
  }

  /// Tells where the directories are not what is in force: somebody may wait for an edit to show.
  private func compare(_ book: RecipeBook) async {
    let remedy =
      "`buildsrs recipes plan` tells what it would change, `buildsrs recipes apply` puts it in force"
    do {
      guard try await load().digest != book.set.digest else { return }
      logger.warning(
        "revision \(book.revision) of the recipes is in force, from which \(configuration.recipesDirectory) and \(configuration.targetsDirectory) differ: \(remedy)"
      )
    } catch {
      logger.warning(
        "revision \(book.revision) of the recipes is in force; \(configuration.recipesDirectory) and \(configuration.targetsDirectory) cannot be read: \(error)"
      )
    }
  }
}
