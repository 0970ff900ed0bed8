public import Database
import FarmModel
import Recipes

/// The recipes that are in force, for operators' commands.
public struct RecipesInForce: Sendable {
  private let database: FarmDatabase
  private let book: RecipeBook

  /// Nil where none are in force yet.
  /// - Throws: `RecipeErrors` where this program does not understand what another one has installed.
  public init?(_ database: FarmDatabase) async throws {
    guard let revision = try await database.activeRecipes() else { return nil }
    self.database = database
    book = RecipeBook(try await RecipeLoading.read(revision), revision: revision.id)
  }

  /// Builds a job once more that has succeeded, or whose check waits or has failed, by these recipes, or by the plan
  /// that it has where they do not want it any more.
  ///
  /// - Returns: nil where there is no such job, or it is in another state.
  /// - Throws: `RecipesChanged` where others are in force by now.
  public func rebuild(job id: Int64) async throws -> OperatedJob? {
    guard let job = try await database.job(id) else { return nil }
    let names = CrateName(job.crate).map { [$0.normalized] } ?? []
    let versions = try await database.plannableVersions(ofCrates: names)
    guard let version = versions.first(where: { $0.version == job.version }),
      let facts = VersionFacts(version), let target = TargetTriple(job.target),
      let plan = book.set.plan(for: facts, target: target).plan
    else { return try await database.rebuild(job: id) }
    return try await database.rebuild(
      job: id, as: book.wanted(version, plan), revision: book.revision)
  }
}
