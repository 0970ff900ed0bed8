import Database

/// Makes the jobs that the recipes in force want of versions that the sync reports.
struct JobPlanner: Sendable {
  let database: FarmDatabase
  let recipes: ActiveRecipes

  /// How many versions are planned at once: what is in memory are their plans for all targets.
  private static let page = 200

  /// Makes the jobs of versions of which the sync has reported something new.
  ///
  /// - Returns: how many jobs were made or changed.
  func planNoted() async throws -> Int {
    var jobs = 0
    while true {
      // Another revision may come into force in the middle.
      let step = try await recipes.withBook { book in
        try await database.planNoted(limit: Self.page, revision: book.revision) {
          book.wanted($0)
        }
      }
      jobs += step.jobs
      guard step.versions == Self.page else { return jobs }
    }
  }
}
