import Database
import Logging
import Recipes
import Synchronization

/// The recipes that this backend goes by: the revision in force, as far as it has heard of it. It only
/// ever goes forward.
final class ActiveRecipes: Sendable {
  let database: FarmDatabase
  private let logger: Logger
  private let current: Mutex<RecipeBook>
  /// The newest revision that this program cannot read.
  private let unreadable = Mutex<Int64>(0)

  init(_ book: RecipeBook, database: FarmDatabase, logger: Logger) {
    self.database = database
    self.logger = logger
    current = Mutex(book)
  }

  /// A value: whoever holds it sees one revision.
  var book: RecipeBook { current.withLock { $0 } }

  /// Takes up the revision that is in force, where it is newer than the one that is gone by. One that
  /// this program cannot read is told once, and leaves the old one.
  ///
  /// - Returns: what the database says.
  @discardableResult
  func follow() async throws -> RecipeStanding? {
    guard let standing = try await database.recipeStanding() else { return nil }
    let hopeless = unreadable.withLock { $0 }
    guard standing.active > book.revision, standing.active > hopeless,
      let revision = try await database.recipeRevision(standing.active)
    else { return standing }
    do {
      let next = RecipeBook(try await RecipeLoading.read(revision), revision: revision.id)
      let taken = current.withLock { book in
        guard next.revision > book.revision else { return false }
        book = next
        return true
      }
      if taken {
        logger.notice(
          "revision \(revision.id) of the recipes is in force: \(next.set.targets.count) targets, \(next.set.recipes.count) recipes"
        )
      }
    } catch let errors as RecipeErrors {
      unreadable.withLock { $0 = max($0, revision.id) }
      logger.error(
        "revision \(revision.id) of the recipes is not understood by this program, which goes on with revision \(book.revision): upgrade it, or apply other recipes\n\(errors)"
      )
    }
    return standing
  }

  /// Runs `body` with the revision in force, again with the next one as often as another comes into
  /// force meanwhile.
  func withBook<Result: Sendable>(
    _ body: (RecipeBook) async throws -> Result
  ) async throws -> Result {
    for _ in 0..<5 {
      let book = book
      do {
        return try await body(book)
      } catch is RecipesChanged {
        try await follow()
        // It was not understood: nobody may plan by what is no longer in force.
        if self.book.revision == book.revision { break }
      }
    }
    throw RecipesChanged()
  }
}
