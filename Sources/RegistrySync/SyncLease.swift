import Blocking
import FarmModel
import Logging

/// The right to be the one registry sync that is active, as far as this process knows.
///
/// Time is counted on a clock that nobody sets, from before the request that got the answer: the
/// backend lets the lease end later than this process does.
///
/// A body that got no answer may still be under way, at a backend or in a proxy, and be kept later. So
/// nothing is sent any more under its fence (``doubt(_:)``): the next body goes under a newer one, by which
/// the copy that is late is refused.
final class SyncLease: Sendable {
  private let holder: String
  private let backend: BackendClient
  private let note: Note
  private let logger: Logger
  private let state: Locked<State>
  private let turns = Turns()

  /// Keeps what gives the lease back, for the process after this one.
  typealias Note = @Sendable (RegistryLeaseRequest) async throws(SyncError) -> Void

  private struct State: Sendable {
    var fence: Int64
    var end: ContinuousClock.Instant
    /// The newest fence under which something may be under way unanswered.
    var doubted: Int64 = -1
    /// The backend can give this lease a newer fence.
    var canRaise = true

    var isDoubtful: Bool { doubted >= fence && canRaise }
  }

  init(
    holder: String, grant: RegistryLeaseGrant, asked: ContinuousClock.Instant,
    backend: BackendClient, logger: Logger, note: @escaping Note
  ) {
    self.holder = holder
    self.backend = backend
    self.logger = logger
    self.note = note
    state = Locked(State(fence: grant.fence, end: asked + .seconds(grant.seconds)))
  }

  /// What goes with the next body: a fence under which nothing is under way unanswered. Asks the backend
  /// for a newer one where need be.
  /// - Throws: ``SyncError/leaseLost(reason:)`` when the lease has run out or another sync has it.
  func fence() async throws(SyncError) -> Int64 {
    if let fence = try certainFence { return fence }
    return try await turns.alone { () async throws(SyncError) in
      // Who had the turn before may have got one.
      if let fence = try certainFence { return fence }
      try await extend()
      return newestFence
    }
  }

  /// nil: the backend is to be asked for a newer one.
  private var certainFence: Int64? {
    get throws(SyncError) {
      let state = state.withLock { $0 }
      guard ContinuousClock.now < state.end else {
        throw .leaseLost(reason: "it could not be renewed in time")
      }
      return state.isDoubtful ? nil : state.fence
    }
  }

  /// The fence that the backend has told last.
  var newestFence: Int64 { state.withLock(\.fence) }

  /// Something that was sent under this fence got no answer.
  func doubt(_ fence: Int64) { state.withLock { $0.doubted = max($0.doubted, fence) } }

  /// Has the lease last longer.
  /// - Throws: ``SyncError/leaseLost(reason:)`` where another sync has it; else what may pass by itself.
  func renew() async throws(SyncError) {
    try await turns.alone { () async throws(SyncError) in try await extend() }
  }

  /// Also asks for a newer fence where one is needed: the answer to such a question may have been lost, and
  /// then the backend knows the lease by the newer fence only. For one task at a time.
  private func extend() async throws(SyncError) {
    let asked = ContinuousClock.now
    let old = request
    switch try await ask(old, isDoubtful: state.withLock(\.isDoubtful)) {
    case .granted(let grant):
      state.withLock {
        $0.fence = grant.fence
        $0.end = asked + .seconds(grant.seconds)
      }
      if grant.fence != old.fence { try await note(request) }
    case .taken(let refusal): throw .leaseLost(reason: "\(refusal.holder) has it now")
    }
  }

  private func ask(
    _ request: RegistryLeaseRequest, isDoubtful: Bool
  ) async throws(SyncError) -> LeaseAnswer {
    guard isDoubtful else { return try await backend.lease(request) }
    do throws(SyncError) {
      return try await backend.raiseFence(request)
    } catch {
      guard case .oldBackend(let url) = error else { throw error }
      state.withLock { $0.canRaise = false }
      logger.warning(
        "\(url) is unknown there: where an answer was lost, what was sent may be kept late, after newer lines"
      )
      return try await backend.lease(request)
    }
  }

  /// What remains.
  var remaining: Duration { ContinuousClock.now.duration(to: state.withLock { $0.end }) }

  var request: RegistryLeaseRequest {
    RegistryLeaseRequest(holder: holder, fence: newestFence)
  }
}

/// What the backend says to a sync that wants the lease.
enum LeaseAnswer: Sendable {
  case granted(RegistryLeaseGrant)
  /// Another has it.
  case taken(RegistryLeaseRefusal)
}
