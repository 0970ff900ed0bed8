import Database
import Logging
import Postgres
import ServiceLifecycle

/// Follows the revision of the recipes that is in force, and makes the jobs follow it.
///
/// A notification on the channel `recipes` or, because one may be lost, every 5 s (with jitter) makes it
/// look.
struct RecipeFollower: Service, CustomStringConvertible {
  let address: PostgresAddress
  let planner: RevisionPlanner
  let logger: Logger
  var interval: Duration = .seconds(5)

  var description: String { "follower of the recipes" }

  func run() async throws {
    let (looks, look) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    try await cancelWhenGracefulShutdown {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await listen(look) }
        group.addTask { try await poll(look) }
        group.addTask { await plan(looks) }
        do { try await group.next() } catch is CancellationError {}
        group.cancelAll()
      }
    }
  }

  private func listen(_ look: AsyncStream<Void>.Continuation) async throws {
    let listener = PostgresListener(address, logger: logger)
    while !Task.isCancelled {
      do {
        for try await _ in listener.notifications(on: [FarmDatabase.recipesChannel]) {
          // At once, whatever the planner does: what is asked for is planned by the new revision.
          _ = try? await planner.recipes.follow()
          look.yield()
        }
      } catch let error as PostgresError {
        logger.error("cannot listen for recipes, polling goes on: \(error)")
        try await Task.sleep(for: interval)
      }
    }
  }

  private func poll(_ look: AsyncStream<Void>.Continuation) async throws {
    while !Task.isCancelled {
      _ = try? await planner.recipes.follow()
      look.yield()
      try await Task.sleep(for: interval * Double.random(in: 0.8...1.2))
    }
  }

  private func plan(_ looks: AsyncStream<Void>) async {
    var hasTold = false
    for await _ in looks {
      do {
        switch try await planner.turn() {
        case .done(let changes):
          hasTold = true
          logger.notice("the recipes are applied: \(Self.text(changes))")
        case .idle:
          if !hasTold { logger.info("the recipes are applied already") }
          hasTold = true
        case .left: break
        }
      } catch is CancellationError {
        return
      } catch {
        logger.error("the recipes were not applied, again in 5 s: \(error)")
      }
    }
  }

  private static func text(_ changes: [JobChange.Kind: Int]) -> String {
    let counts = JobChange.Kind.allCases.compactMap { kind in
      changes[kind].map { "\(kind.rawValue) \($0)" }
    }
    return counts.isEmpty ? "no job changes" : counts.joined(separator: ", ")
  }
}
