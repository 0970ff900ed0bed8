import BuilderProtocol
import Database
import Scheduling
import Synchronization

/// The requirements that jobs have, as this backend knows them, and what each builder can do of them.
final class RequirementBook: Sendable {
  private struct State {
    var stored: [StoredRequirement] = []
    var known: Set<Int64> = []
    /// Grows with every change.
    var edition = 0
  }
  private let database: FarmDatabase
  private let state = Mutex(State())

  init(database: FarmDatabase) { self.database = database }

  /// Changes with the contents.
  var edition: Int { state.withLock(\.edition) }

  /// The numbers of what a builder has.
  func numbers(for profile: Capabilities) -> [Int64] {
    state.withLock(\.stored).filter { profile.obstacle(to: $0.requirement) == nil }.map(\.id)
  }

  /// The targets of requirements.
  func targets(of numbers: Set<Int64>) -> Set<String> {
    Set(
      state.withLock(\.stored).filter { numbers.contains($0.id) }.map(\.requirement.target))
  }

  /// Whether all of these are known.
  func knows(_ numbers: Set<Int64>) -> Bool {
    state.withLock { numbers.isSubset(of: $0.known) }
  }

  /// Reads the requirements again.
  func refresh() async throws {
    let stored = try await database.requirements()
    state.withLock { state in
      // Rows are only ever added: what was read before another refresh is not put back.
      guard stored.count > state.stored.count else { return }
      state.stored = stored
      state.known = Set(stored.map(\.id))
      state.edition += 1
    }
  }
}
