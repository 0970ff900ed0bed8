import Blocking
import Database
import Logging
import Postgres
import ServiceLifecycle

/// What clients have asked this replica for since it was last written down. Losing it costs nothing but a
/// little order among popular crates.
final class UseCounter: Sendable {
  private let uses = Locked<[Int64: Int]>([:])

  /// Notes that a client wants something of a crate.
  func count(crate: Int64) { uses.withLock { $0[crate, default: 0] += 1 } }

  /// All that is noted, by the crate's number; nothing is noted any more.
  func take() -> [Int64: Int] {
    uses.withLock { uses in
      defer { uses = [:] }
      return uses
    }
  }

  /// Notes again what could not be written down.
  func giveBack(_ taken: [Int64: Int]) {
    uses.withLock { $0.merge(taken, uniquingKeysWith: +) }
  }
}

/// Writes down what clients ask for, and puts crates into bands of popularity now and then.
struct PopularityService: Service, CustomStringConvertible {
  let database: FarmDatabase
  let uses: UseCounter
  let logger: Logger
  /// How many seconds between two writes, about.
  var pause = 60.0
  /// After how many writes crates are ranked.
  var writesPerRanking = 5

  var description: String { "popularity" }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      var turn = 0
      while !Task.isCancelled {
        // Replicas that start together take turns.
        let seconds = pause * Double.random(in: 0.8...1.2)
        do { try await Task.sleep(for: .seconds(seconds)) } catch { break }
        turn += 1
        await write(ranks: turn % writesPerRanking == 0)
      }
    }
    await write(ranks: false)
  }

  private func write(ranks: Bool) async {
    let taken = uses.take()
    do {
      try await database.addUses(taken)
    } catch {
      uses.giveBack(taken)
      logger.debug("the uses of crates were not written down: \(error)")
      return
    }
    guard ranks else { return }
    do {
      let changed = try await database.rankCrates()
      if changed > 0 { logger.info("\(changed) crates are in another band of popularity") }
    } catch {
      logger.debug("crates were not ranked: \(error)")
    }
  }
}
