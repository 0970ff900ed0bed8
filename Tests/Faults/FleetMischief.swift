import BuilderProtocol
import ExecutorKit
import FarmModel
import SimulatedBuilders
import WebSockets

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

  private func anyOrigin() -> String { fleet.origins[random.index(below: fleet.origins.count)] }

  /// Another program with this builder's key: it takes what it is given, and does nothing with it.
  ///
  /// - Returns: whether it was let in.
  nonisolated func double(for seconds: Double) async -> Bool {
    let origin = await anyOrigin()
    let wasIn = Switch()
    try? await simulated.connect(to: origin) { session in
      guard case .welcome = try await session.next() else { throw SimulationError.unexpected }
      wasIn.turnOn()
      let socket = session.socket
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          try await Task.sleep(for: .seconds(seconds))
          socket.close(.goingAway)
        }
        defer { group.cancelAll() }
        try await session.send(.capabilities(simulated.capabilities))
        try await session.send(.ready(Ready(slots: 1000)))
        while true {
          switch try await session.next() {
          case .assign(let assign):
            let new = assign.jobs.filter { fleet.book.assigned($0, to: index) }
            fleet.book.forgotten(new.map(\.reference))
            fleet.book.count("taken by a double", new.count)
          case .refused: fleet.book.count("doubles sent away")
          default: break
          }
        }
      }
    }
    return wasIn.isOn
  }
}
