import Database
import FarmModel
import Logging
import Postgres
import ServiceLifecycle

/// Makes the jobs that the recipes want, and gives jobs whose plan changed their new one.
struct JobPlanner: Sendable {
  let database: FarmDatabase
  let recipes: RecipeBook
  let logger: Logger

  /// Makes the jobs of versions that the sync has just reported.
  ///
  /// - Returns: how many jobs were made or changed.
  func plan(_ versions: [IngestedVersion]) async throws -> Int {
    var jobs: [WantedJob] = []
    let byCrate = Dictionary(
      grouping: versions.filter { $0.hasBinaries && !$0.yanked }, by: \.crate)
    for (crate, versions) in byCrate.sorted(by: { $0.key < $1.key }) {
      let newest = try await newestVersion(of: crate)
      for version in versions {
        jobs += recipes.wanted(
          PlannableVersion(version), isNewest: version.version == newest)
      }
    }
    return try await database.want(jobs)
  }

  private func newestVersion(of crate: String) async throws -> Semver? {
    guard let stored = try await database.crate(named: crate) else { return nil }
    return try await database.versions(ofCrate: stored.id)
      .filter { !$0.yanked && $0.hasBinaries == true }.compactMap { Semver($0.version) }.latest
  }

  /// Makes the jobs of all versions. Replicas that start together take turns; the second one finds
  /// nothing to do.
  ///
  /// - Returns: how many jobs were made or changed.
  func planAll() async throws -> Int {
    let connection = try await PostgresConnection(
      connecting: database.pool.address, applicationName: "builds.rs planner")
    // The end of the connection gives the lock back, whatever happens.
    do {
      try await connection.query("SELECT pg_advisory_lock(hashtext('builds.rs planner'))")
      let count = try await planPages()
      await connection.close()
      return count
    } catch {
      await connection.close()
      throw error
    }
  }

  private func planPages() async throws -> Int {
    var newest: [String: Semver] = [:]
    try await forEachPage { page in
      for version in page {
        guard let number = Semver(version.version) else { continue }
        newest[version.crate] = [newest[version.crate], number].compactMap(\.self).latest
      }
    }
    var count = 0
    try await forEachPage { page in
      count += try await database.want(
        page.flatMap { version in
          recipes.wanted(
            version, isNewest: newest[version.crate]?.description == version.version)
        })
    }
    return count
  }

  private func forEachPage(_ body: ([PlannableVersion]) async throws -> Void) async throws {
    var last: Int64 = 0
    while true {
      let page = try await database.plannableVersions(after: last, limit: 500)
      guard let end = page.last else { return }
      try await body(page)
      last = end.id
    }
  }
}

/// Plans everything once, when the backend starts; tries again while the database is away.
struct PlanningService: Service, CustomStringConvertible {
  let planner: JobPlanner

  var description: String { "job planner" }

  func run() async throws {
    await plan()
    // A service that ends while others are being stopped counts as failed.
    try? await gracefulShutdown()
  }

  private func plan() async {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        do {
          let count = try await planner.planAll()
          planner.logger.info("the recipes are applied: \(count) jobs made or changed")
          return
        } catch is CancellationError {
          return
        } catch {
          planner.logger.error("the recipes were not applied, again in 5 s: \(error)")
          try? await Task.sleep(for: .seconds(5))
        }
      }
    }
  }
}

extension PlannableVersion {
  init(_ version: IngestedVersion) {
    self.init(
      id: version.id, crate: version.crate, version: version.version.description,
      checksum: version.checksum, publishedAt: version.publishedAt, group: version.group,
      rustVersion: version.rustVersion)
  }
}
