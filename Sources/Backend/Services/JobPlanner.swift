import Database
import Logging
import Postgres
import ServiceLifecycle

/// Makes the jobs that the recipes want, and gives jobs whose plan changed their new one.
struct JobPlanner: Sendable {
  let database: FarmDatabase
  let recipes: RecipeBook
  let logger: Logger

  /// How many versions are planned at once: what is in memory are their plans for all targets.
  private static let page = 200

  /// Makes the jobs of versions of which the sync has reported something new.
  ///
  /// - Returns: how many jobs were made or changed.
  func planNoted() async throws -> Int {
    var jobs = 0
    while true {
      let step = try await database.planNoted(limit: Self.page) { recipes.wanted($0) }
      jobs += step.jobs
      guard step.versions == Self.page else { return jobs }
    }
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
    var count = 0
    var last: Int64 = 0
    while true {
      let page = try await database.plannableVersions(after: last, limit: Self.page)
      guard let end = page.last else { break }
      count += try await database.want(page.flatMap { recipes.wanted($0) })
      last = end.id
    }
    return try await count + planNoted()
  }
}

/// Plans everything once, when the backend starts, and then what another backend has left that died
/// between a body of the sync and its jobs; tries again while the database is away.
struct PlanningService: Service, CustomStringConvertible {
  let planner: JobPlanner

  var description: String { "job planner" }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await planAll()
      while !Task.isCancelled {
        try? await Task.sleep(for: .seconds(30 * Double.random(in: 0.8...1.2)))
        await planRest()
      }
    }
  }

  private func planAll() async {
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

  private func planRest() async {
    do {
      let count = try await planner.planNoted()
      if count > 0 { planner.logger.notice("\(count) jobs that were left over are made") }
    } catch is CancellationError {
      return
    } catch {
      planner.logger.warning("what was left over was not planned, again in 30 s: \(error)")
    }
  }
}
