import BuilderProtocol
import ExecutorKit
import FarmModel

/// What a builder must not do, and what must do no harm.
extension FleetBuilder {
  /// - Returns: whether there was anything to do it with.
  func misbehave(_ kind: FaultKind) async -> Bool {
    switch kind {
    case .finishTwice:
      finishesTwice = true
      return true
    case .wrongFence:
      guard let last = fleet.book.recent(1, ofBuilder: index, own: true).first else { return false }
      return await sendWrong(
        AttemptReference(job: last.job, attempt: last.attempt + 1000), .compile)
    case .othersJob:
      let others = fleet.book.recent(6, ofBuilder: index, own: false)
      guard !others.isEmpty else { return false }
      return await sendWrong(others[random.index(below: others.count)], .infrastructure)
    case .lostHeartbeat: return await renewWrong()
    default: return false
    }
  }

  private func sendWrong(_ reference: AttemptReference, _ failure: FailureClass) async -> Bool {
    guard socket != nil else { return false }
    let (job, attempt) = (reference.job, reference.attempt)
    await send(.progress(Progress(job: job, attempt: attempt, stage: .smoke)))
    await send(.log(LogChunk(job: job, attempt: attempt, sequence: 1, text: "not mine\n")))
    await send(
      .finished(
        Finished(
          job: job, attempt: attempt, outcome: .failed(failure, message: "not mine"), report: nil)))
    return true
  }

  private func renewWrong() async -> Bool {
    guard socket != nil else { return false }
    let wrong =
      fleet.book.recent(4, ofBuilder: index, own: true)
      + fleet.book.recent(4, ofBuilder: index, own: false)
    guard !wrong.isEmpty else { return false }
    // Nothing that is answered for these says anything about what it holds.
    askedRenewals.append([])
    await send(.heartbeat(Heartbeat(attempts: wrong)))
    return true
  }
}
