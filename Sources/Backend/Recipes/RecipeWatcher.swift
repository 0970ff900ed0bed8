import Blocking
import Database
import Logging
import Recipes
import ServiceLifecycle

/// Puts the directories' recipes in force whenever somebody edits them (`--watch-recipes`). A broken edit
/// leaves what is in force, and is told with all its mistakes.
///
/// It looks at names, sizes and times once a second, which works on every file system.
struct RecipeWatcher: Service, CustomStringConvertible {
  let configuration: BackendConfiguration
  let database: FarmDatabase
  let recipes: ActiveRecipes
  /// How the directories were when the backend started. That is no edit: what is in force may be newer.
  let start: DirectorySignature
  let logger: Logger

  var description: String { "watcher of the recipes" }

  static func signature(_ configuration: BackendConfiguration) async -> DirectorySignature {
    let directories = [configuration.targetsDirectory, configuration.recipesDirectory]
    return await offCooperativePool { DirectorySignature(of: directories) }
  }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      var handled = start
      var previous = start
      while !Task.isCancelled {
        do { try await Task.sleep(for: .seconds(1)) } catch { return }
        let now = await Self.signature(configuration)
        // Somebody may be in the middle of writing: only what stays for a second counts.
        if now == previous, now != handled, await apply() { handled = now }
        previous = now
      }
    }
  }

  /// - Returns: whether there is no use in trying again before the next edit.
  private func apply() async -> Bool {
    do {
      let set = try await RecipeLoading.load(
        targets: configuration.targetsDirectory, recipes: configuration.recipesDirectory)
      guard set.digest != recipes.book.set.digest else { return true }
      for warning in set.warnings { logger.warning("\(warning.summary)") }
      let installed = try await database.install(
        set, note: "an edit of \(configuration.recipesDirectory)")
      logger.notice("an edit of the recipes is in force as revision \(installed.revision)")
    } catch let errors as RecipeErrors {
      logger.error(
        "an edit of the recipes is broken, revision \(recipes.book.revision) stays in force\n\(errors)"
      )
    } catch {
      logger.error("an edit of the recipes was not applied, again in 1 s: \(error)")
      return false
    }
    return true
  }
}
