import Blocking
import Database
import Logging
import Postgres
import ServiceLifecycle

/// What clients have asked this replica for since it was last written down. Losing it costs nothing but a
/// little order among popular crates.
final class UseCounter: Sendable {
  /// What was noted.
  struct Uses: Sendable, Equatable {
    /// By the crate's number.
    var crates: [Int64: Int] = [:]
    /// By a published file's SHA-256: whose it is is looked up when it is written down, not while a client waits.
    var files: [String: Int] = [:]
  }

  private struct State {
    var uses = Uses()
    /// Clients that were led to a file's own address, and counted then, by its SHA-256.
    var led: [String: Int] = [:]
    /// Those of the time before the last write.
    var ledBefore: [String: Int] = [:]
  }

  private let state = Locked(State())

  /// Notes that a client wants something of a crate.
  func count(crate: Int64) { state.withLock { $0.uses.crates[crate, default: 0] += 1 } }

  /// Notes the same, of a client that comes back for the file that it is led to.
  func count(crate: Int64, ledTo sha256: String) {
    state.withLock {
      $0.uses.crates[crate, default: 0] += 1
      $0.led[sha256, default: 0] += 1
    }
  }

  /// Notes that a client gets a file by its own address, unless it is one that was led there. It may have been led
  /// by another replica, and another client by this one: in the sum that is the same.
  func count(file sha256: String) {
    state.withLock { state in
      if let led = state.ledBefore[sha256] {
        state.ledBefore[sha256] = led > 1 ? led - 1 : nil
      } else if let led = state.led[sha256] {
        state.led[sha256] = led > 1 ? led - 1 : nil
      } else {
        state.uses.files[sha256, default: 0] += 1
      }
    }
  }

  /// All that is noted; nothing is noted any more.
  func take() -> Uses {
    state.withLock { state in
      defer { state = State(ledBefore: state.led) }
      return state.uses
    }
  }

  /// Notes again what could not be written down.
  func giveBack(_ taken: Uses) {
    state.withLock {
      $0.uses.crates.merge(taken.crates, uniquingKeysWith: +)
      $0.uses.files.merge(taken.files, uniquingKeysWith: +)
    }
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
      try await database.addUses(taken.crates, files: taken.files)
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
