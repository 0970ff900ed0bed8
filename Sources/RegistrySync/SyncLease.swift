import Blocking
import FarmModel

/// The right to be the one registry sync that is active, as far as this process knows.
///
/// Time is counted on a clock that nobody sets, from before the request that got the answer: the
/// backend lets the lease end later than this process does.
final class SyncLease: Sendable {
  let holder: String
  private let state: Locked<(fence: Int64, end: ContinuousClock.Instant)>

  init(holder: String, grant: RegistryLeaseGrant, asked: ContinuousClock.Instant) {
    self.holder = holder
    state = Locked((grant.fence, asked + .seconds(grant.seconds)))
  }

  /// - Throws: ``SyncError/leaseLost(reason:)`` when the lease has run out.
  func fence() throws(SyncError) -> Int64 {
    let (fence, end) = state.withLock { $0 }
    guard ContinuousClock.now < end else {
      throw .leaseLost(reason: "it could not be renewed in time")
    }
    return fence
  }

  /// What remains.
  var remaining: Duration { ContinuousClock.now.duration(to: state.withLock { $0.end }) }

  func renew(_ grant: RegistryLeaseGrant, asked: ContinuousClock.Instant) {
    state.withLock { $0 = (grant.fence, asked + .seconds(grant.seconds)) }
  }

  var request: RegistryLeaseRequest {
    RegistryLeaseRequest(holder: holder, fence: state.withLock { $0.fence })
  }
}

/// What the backend says to a sync that wants the lease.
enum LeaseAnswer: Sendable {
  case granted(RegistryLeaseGrant)
  /// Another has it.
  case taken(RegistryLeaseRefusal)
}
