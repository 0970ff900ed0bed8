import Database
import Logging
import Postgres
import Scheduling
import ServiceLifecycle

/// Gives jobs back whose lease has run out, and tidies up after them.
///
/// Not before the database has answered for a whole lease period: while it was away nobody could
/// renew, so its absence expires nothing.
struct LeaseReaper: Service, CustomStringConvertible {
  let database: FarmDatabase
  let tidier: AttemptTidier
  let logger: Logger

  var description: String { "lease reaper" }

  /// A quarter of a lease, 5 s at most; jitter keeps replicas apart.
  private var pause: Duration {
    .seconds(min(5, Double(database.terms.leaseSeconds) / 4) * Double.random(in: 0.8...1.2))
  }

  /// Looking through storage costs requests: what an attempt has left may stay for some leases.
  private var storagePause: Double {
    5 * Double(database.terms.leaseSeconds) * Double.random(in: 0.8...1.2)
  }

  /// Groups whose turns are over are looked for in a whole table, and do no harm.
  private var groupsPause: Double { 3600 * Double.random(in: 0.8...1.2) }

  /// When what is not done at each look is next due, in seconds since the start.
  private struct Due {
    var storage = 0.0
    var groups = 600.0
  }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      var expiry = ExpiryGuard(terms: database.terms)
      let start = ContinuousClock.now
      var due = Due()
      while !Task.isCancelled {
        await look(&expiry, &due, since: start)
        do { try await Task.sleep(for: pause) } catch { return }
      }
    }
  }

  private func look(
    _ expiry: inout ExpiryGuard, _ due: inout Due, since start: ContinuousClock.Instant
  ) async {
    do {
      let time = try await database.time()
      let now = (ContinuousClock.now - start) / .seconds(1)
      expiry.databaseAnswered(at: now)
      guard expiry.mayExpire(at: now) else { return }
      for lease in try await database.expireLeases(before: time) {
        logger.notice(
          "the lease of job \(lease.job), attempt \(lease.attempt), has run out",
          metadata: ["builder": "\(lease.builder)"])
      }
      let released = try await database.releaseHeldJobs()
      if released > 0 { logger.debug("\(released) jobs may be tried again") }
      for attempt in try await database.untidyAttempts(limit: 20) {
        await tidier.tidy(job: attempt.job, attempt: attempt.attempt)
      }
      if now >= due.storage {
        due.storage = now + storagePause
        await tidier.tidyStorage()
      }
      if now >= due.groups {
        due.groups = now + groupsPause
        _ = try await database.forgetIdleGroups(limit: 100_000)
      }
    } catch let error as PostgresError where error.isUnavailable {
      expiry.databaseFailed()
      logger.warning("no lease expires, the database is away: \(error)")
    } catch is CancellationError {
      return
    } catch {
      expiry.databaseFailed()
      logger.error("expired leases were not looked for: \(String(reflecting: error))")
    }
  }
}
