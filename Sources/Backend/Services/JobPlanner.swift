import Database
import Logging
import ServiceLifecycle

/// Makes the jobs that the recipes in force want of versions that the sync reports.
struct JobPlanner: Sendable {
  let database: FarmDatabase
  let recipes: ActiveRecipes
  let logger: Logger

  /// How many versions are planned at once: what is in memory are their plans for all targets.
  private static let page = 200

  /// Makes the jobs of versions of which the sync has reported something new.
  ///
  /// - Returns: how many jobs were made or changed.
  func planNoted() async throws -> Int {
    var jobs = 0
    var last: Int64 = 0
    while true {
      let after = last
      // Another revision may come into force in the middle.
      let step = try await recipes.withBook { book in
        try await database.planNoted(after: after, limit: Self.page, revision: book.revision) {
          book.wanted($0)
        }
      }
      jobs += step.jobs
      guard step.versions == Self.page, let end = step.last else { return jobs }
      last = end
    }
  }
}

/// Plans what is left by another backend that died between a body of the sync and its jobs.
struct PlanningService: Service, CustomStringConvertible {
  let planner: JobPlanner

  var description: String { "job planner" }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        try? await Task.sleep(for: .seconds(5 * Double.random(in: 0.8...1.2)))
        await planRest()
      }
    }
  }

  private func planRest() async {
    do {
      let count = try await planner.planNoted()
      if count > 0 { planner.logger.info("\(count) jobs that were left over are made or changed") }
    } catch is CancellationError {
      return
    } catch {
      planner.logger.warning("what was left over was not planned, again in 5 s: \(error)")
    }
  }
}
