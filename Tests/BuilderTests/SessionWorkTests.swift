import Builder
import BuilderProtocol
import ExecutorKit
import FarmModel
import Testing

@Suite("a builder at work")
struct SessionWorkTests {
  typealias F = Fixture

  @Test("what is assigned begins; what exceeds the slots waits and keeps its lease")
  func slots() throws {
    var session = try F.session(slots: 1)
    F.enter(&session)
    #expect(session.received(F.assign(1, 2), at: F.now) == [F.start(1)])
    #expect(
      session.heartbeatDue(at: F.now) == [
        .send(.heartbeat(Heartbeat(attempts: [F.reference(1), F.reference(2)]))),
        .scheduleHeartbeat(after: .seconds(15)),
      ])
    let finished = Finished(job: 1, attempt: 1, outcome: .succeeded, report: nil)
    #expect(
      session.attemptFinished(F.reference(1), outcome: .succeeded, report: nil)
        == [.send(.finished(finished)), F.start(2)])
    #expect(session.alive == [F.reference(2)])
  }

  @Test("a slot is offered again as soon as the work has ended, before it is accepted")
  func ready() throws {
    var session = try F.session(slots: 1)
    F.enter(&session)
    _ = session.received(F.assign(1), at: F.now)
    let outcome = AttemptOutcome.failed(.compile, message: "no")
    let actions = session.attemptFinished(F.reference(1), outcome: outcome, report: nil)
    #expect(actions.last == F.ready(1))
    #expect(!session.isIdle)
    #expect(session.received(.accepted(F.reference(1)), at: F.now) == [])
    #expect(session.isIdle)
  }

  @Test("the log goes out in order within a window, and the end only behind it")
  func window() throws {
    var session = try F.session()
    F.enter(&session)
    _ = session.received(F.assign(1), at: F.now)
    for number in 1...32 {
      #expect(
        session.attemptLogged("line\n", of: F.reference(1)) == [F.log(1, number, "line\n")])
    }
    #expect(session.attemptLogged("33", of: F.reference(1)) == [])
    _ = session.attemptFinished(F.reference(1), outcome: .succeeded, report: nil)
    let receipt = LogReceived(job: 1, attempt: 1, sequence: 20)
    #expect(
      session.received(.logReceived(receipt), at: F.now) == [
        F.log(1, 33, "33"),
        .send(.finished(Finished(job: 1, attempt: 1, outcome: .succeeded, report: nil))),
      ])
  }

  @Test("a job that the backend cancels ends as cancelled")
  func cancel() throws {
    var session = try F.session(slots: 1)
    F.enter(&session)
    _ = session.received(F.assign(1, 2), at: F.now)
    #expect(
      session.received(.cancel(F.reference(1)), at: F.now) == [
        .cancel(F.reference(1), reason: .byBackend)
      ])
    #expect(session.received(.cancel(F.reference(1)), at: F.now) == [])
    let outcome = AttemptOutcome.failed(.infrastructure, message: "killed")
    let actions = session.attemptFinished(F.reference(1), outcome: outcome, report: nil)
    guard case .send(.finished(let finished))? = actions.first,
      case .failed(.cancelled, _) = finished.outcome
    else {
      Issue.record("\(actions)")
      return
    }
    // One that has not begun ends at once.
    var waiting = try F.session(slots: 1)
    F.enter(&waiting)
    _ = waiting.received(F.assign(1, 2), at: F.now)
    guard
      case .send(.finished(let second))? = waiting.received(.cancel(F.reference(2)), at: F.now)
        .first
    else {
      Issue.record("job 2 was not ended")
      return
    }
    #expect(second.job == 2)
  }

  @Test("stale work is dropped without a word, and its slot is free when it has ended")
  func stale() throws {
    var session = try F.session()
    F.enter(&session)
    _ = session.received(F.assign(1), at: F.now)
    let actions = session.received(.stale(F.reference(1)), at: F.now)
    #expect(actions.last == .abandon(F.reference(1)))
    #expect(session.attemptLogged("more", of: F.reference(1)) == [])
    let outcome = AttemptOutcome.failed(.cancelled, message: "")
    #expect(
      session.attemptFinished(F.reference(1), outcome: outcome, report: nil) == [F.ready(1)])
    #expect(session.isIdle)
  }

  @Test("what a heartbeat asked for and was not renewed is dropped; what came later is not")
  func notRenewed() throws {
    var session = try F.session(slots: 2)
    F.enter(&session)
    _ = session.received(F.assign(1), at: F.now)
    _ = session.heartbeatDue(at: F.now)
    _ = session.received(F.assign(2), at: F.now)
    let actions = session.received(.renewed(Renewed(attempts: [], leaseSeconds: 60)), at: F.now)
    #expect(actions.contains(.abandon(F.reference(1))))
    #expect(!actions.contains(.abandon(F.reference(2))))
  }

  @Test("an upload that was refused as stale ends as a lost lease, so that the slot is free again")
  func staleUpload() throws {
    var session = try F.session()
    F.enter(&session)
    _ = session.received(F.assign(1), at: F.now)
    let lost = AttemptOutcome.failed(
      .leaseLost, message: "the backend took no more uploads of this attempt")
    let finished = Finished(job: 1, attempt: 1, outcome: lost, report: nil)
    #expect(
      session.attemptFinished(F.reference(1), outcome: nil, report: nil)
        == [.send(.finished(finished)), F.ready(1)])
    _ = session.received(.stale(F.reference(1)), at: F.now)
    #expect(session.isIdle)
  }

  @Test("a job that is assigned twice runs once")
  func twice() throws {
    var session = try F.session(slots: 2)
    F.enter(&session)
    _ = session.received(F.assign(1), at: F.now)
    #expect(
      session.received(F.assign(1), at: F.now) == [
        .warn("job 1, attempt 1: assigned a second time, ignored")
      ])
  }
}
