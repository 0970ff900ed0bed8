import Database
import Logging
import Recipes

/// Makes all jobs follow the revision that is in force. One backend does it at a time, and another one
/// goes on where it died.
struct RevisionPlanner: Sendable {
  let database: FarmDatabase
  let recipes: ActiveRecipes
  let logger: Logger

  /// What a turn came to.
  enum Turn: Equatable {
    /// All jobs follow the revision.
    case done(changes: [JobChange.Kind: Int])
    /// They did before.
    case idle
    /// Another backend does it, or this one cannot.
    case left
  }

  /// Plans what is not planned yet, then what was being built when its plan changed.
  func turn() async throws -> Turn {
    guard let standing = try await recipes.follow() else { return .left }
    if standing.isPlanned {
      let outdated = try await database.outdatedVersions(limit: 1)
      if outdated.isEmpty { return .idle }
    }
    return try await database.withPlannerLock {
      let turn = try await planAll()
      if turn != .left { try await planOutdated() }
      return turn
    } ?? .left
  }

  private func planAll() async throws -> Turn {
    for _ in 0..<5 {
      guard let standing = try await recipes.follow() else { return .left }
      if standing.isPlanned { return .idle }
      let book = recipes.book
      // It is not understood here: another backend may.
      guard book.revision == standing.active else { return .left }
      do {
        return .done(changes: try await plan(book, standing))
      } catch is RecipesChanged {
        continue
      }
    }
    return .left
  }

  private func plan(_ book: RecipeBook, _ standing: RecipeStanding) async throws
    -> [JobChange.Kind: Int]
  {
    let difference = RecipeDifference(
      database, book, scope: try await scope(book, from: standing.planned))
    var counts: [JobChange.Kind: Int] = [:]
    try await difference.forEachPage(after: standing.plannedThrough) { page in
      try Task.checkCancellation()
      let edits = page.edits
      if !edits.isEmpty { try await database.edit(edits, revision: book.revision) }
      try await database.recipesPlanned(book.revision, through: page.through)
      for (change, _) in page.changes { counts[change.kind, default: 0] += 1 }
    }
    try await database.recipesPlanned(book.revision)
    return counts
  }

  private func scope(_ book: RecipeBook, from planned: Int64?) async throws -> RecipeScope {
    guard let planned, let revision = try await database.recipeRevision(planned),
      let old = try? await RecipeLoading.read(revision)
    else { return .everything }
    return RecipeScope(from: old, to: book.set)
  }

  private func planOutdated() async throws {
    while true {
      let versions = try await database.outdatedVersions(limit: 500)
      if versions.isEmpty { return }
      let book = recipes.book
      let page = try await RecipeDifference(database, book, scope: .everything)
        .page(ofVersions: versions)
      do {
        try await database.edit(page.edits, revision: book.revision, settled: versions)
      } catch is RecipesChanged {
        // The next turn plans by the one that is in force now.
        return
      }
      logger.info("\(page.changes.count) jobs got their new plan after their build had ended")
    }
  }
}
