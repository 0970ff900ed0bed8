import Database
import FarmModel

/// Makes the jobs that the recipes in force want of versions that the sync reports.
struct JobPlanner: Sendable {
  let database: FarmDatabase
  let recipes: ActiveRecipes

  /// Makes the jobs of versions that the sync has just reported.
  ///
  /// - Returns: how many jobs were made or changed.
  func plan(_ versions: [IngestedVersion]) async throws -> Int {
    let ids = versions.filter { $0.hasBinaries && !$0.yanked }.map(\.id)
    guard !ids.isEmpty else { return 0 }
    let byCrate = Dictionary(grouping: try await database.plannableVersions(ids), by: \.crate)
    var newest: [String: Semver] = [:]
    for crate in byCrate.keys { newest[crate] = try await newestVersion(of: crate) }
    // Another revision may come into force in the middle.
    return try await recipes.withBook { book in
      let jobs = byCrate.sorted { $0.key < $1.key }.flatMap { crate, versions in
        versions.flatMap {
          book.wanted($0, isNewest: newest[crate]?.description == $0.version)
        }
      }
      return try await database.want(jobs, revision: book.revision)
    }
  }

  private func newestVersion(of crate: String) async throws -> Semver? {
    guard let stored = try await database.crate(named: crate) else { return nil }
    return try await database.versions(ofCrate: stored.id)
      .filter { !$0.yanked && $0.hasBinaries == true }.compactMap { Semver($0.version) }.latest
  }
}
