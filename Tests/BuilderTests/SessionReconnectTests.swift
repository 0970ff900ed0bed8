import Builder
import BuilderProtocol
import ExecutorKit
import FarmModel
import Testing

@Suite("a builder that loses its connection or stops")
struct SessionReconnectTests {
  typealias F = Fixture

  /// Works on jobs 1 and 2, has logged three lines of job 1, and has lost its connection.
  static func interrupted() throws -> BuilderSession {
    var session = try F.session(slots: 2)
    F.enter(&session)
    _ = session.received(F.assign(1, 2), at: F.now)
    _ = session.attemptBegan(.build, of: F.reference(1))
    for line in ["a", "b", "c"] { _ = session.attemptLogged(line, of: F.reference(1)) }
    _ = session.connectionLost()
    return session
  }

  @Test("asks which attempts it still holds before it offers slots")
  func asks() throws {
    var session = try Self.interrupted()
    let actions = F.enter(&session)
    #expect(
      actions.suffix(1) == [
        .send(.resume(Heartbeat(attempts: [F.reference(1), F.reference(2)])))
      ])
  }

  @Test("sends the log again from the last stored chunk, and drops what is lost")
  func resumes() throws {
    var session = try Self.interrupted()
    #expect(session.attemptLogged("d", of: F.reference(1)) == [])
    F.enter(&session)
    let held = Resumed.Held(job: 1, attempt: 1, lastSequence: 2)
    let actions = session.received(
      .resumed(Resumed(held: [held], leaseSeconds: 60)), at: F.now)
    #expect(
      actions == [
        .send(.progress(Progress(job: 1, attempt: 1, stage: .build))), F.log(1, 3, "c"),
        F.log(1, 4, "d"), .warn("job 2, attempt 1: the lease is lost; its work is dropped"),
        .abandon(F.reference(2)), F.ready(0),
      ])
  }

  @Test("an end that nobody has accepted is told again after a reconnect")
  func finishedAgain() throws {
    var session = try F.session()
    F.enter(&session)
    _ = session.received(F.assign(1), at: F.now)
    _ = session.attemptLogged("a", of: F.reference(1))
    _ = session.attemptFinished(F.reference(1), outcome: .succeeded, report: nil)
    _ = session.connectionLost()
    F.enter(&session)
    let held = Resumed.Held(job: 1, attempt: 1, lastSequence: 1)
    let actions = session.received(
      .resumed(Resumed(held: [held], leaseSeconds: 60)), at: F.now)
    #expect(
      actions == [
        .send(.finished(Finished(job: 1, attempt: 1, outcome: .succeeded, report: nil))),
        F.ready(1),
      ])
    #expect(session.received(.stale(F.reference(1)), at: F.now).count == 1)
    #expect(session.isIdle)
  }

  @Test("work that ends while there is no connection is kept for the next one")
  func endsOffline() throws {
    var session = try Self.interrupted()
    #expect(
      session.attemptFinished(F.reference(2), outcome: .succeeded, report: nil) == [])
    F.enter(&session)
    let held = [1, 2].map { Resumed.Held(job: $0, attempt: 1, lastSequence: 0) }
    let actions = session.received(.resumed(Resumed(held: held, leaseSeconds: 60)), at: F.now)
    #expect(
      actions.contains(
        .send(.finished(Finished(job: 2, attempt: 1, outcome: .succeeded, report: nil)))))
    #expect(actions.last == F.ready(1))
  }

  @Test("a lease that runs out is noted once; the work goes on")
  func leaseRunsOut() throws {
    var session = try Self.interrupted()
    #expect(session.leaseWarnings(at: F.now + .seconds(59)) == [])
    #expect(session.leaseWarnings(at: F.now + .seconds(61)).count == 2)
    #expect(session.leaseWarnings(at: F.now + .seconds(62)) == [])
    #expect(session.alive == [F.reference(1), F.reference(2)])
  }

  @Test("draining takes no more jobs and ends when the last one is accepted")
  func drains() throws {
    var session = try F.session(slots: 2)
    F.enter(&session)
    _ = session.received(F.assign(1), at: F.now)
    #expect(session.drain().last == F.ready(0))
    _ = session.attemptFinished(F.reference(1), outcome: .succeeded, report: nil)
    #expect(session.received(.accepted(F.reference(1)), at: F.now) == [.stop(.drained)])
  }

  @Test("one that an operator drains finishes what it has and stays, until a new connection")
  func isDrained() throws {
    var session = try F.session(slots: 2)
    F.enter(&session)
    _ = session.received(F.assign(1), at: F.now)
    #expect(session.received(.drain, at: F.now).last == F.ready(0))
    #expect(session.received(.drain, at: F.now).isEmpty)
    _ = session.attemptFinished(F.reference(1), outcome: .succeeded, report: nil)
    #expect(session.received(.accepted(F.reference(1)), at: F.now).isEmpty)
    _ = session.connectionLost()
    #expect(F.enter(&session).last == F.ready(2))
    // Drained still: it is told so again.
    #expect(session.received(.drain, at: F.now).last == F.ready(0))
    // A signal ends it all the same.
    #expect(session.drain() == [.stop(.drained)])
  }

  @Test(
    "one whose key another program uses ends with the remedy; its own older connection is no reason"
  )
  func replaced() throws {
    var session = try F.session()
    F.enter(&session)
    #expect(
      session.received(.refused(Refused(reason: .replaced, message: "a key each")), at: F.now)
        == [.stop(.refused(.replaced, message: "a key each"))])
    #expect(
      session.received(.refused(Refused(reason: .unavailable, message: "older")), at: F.now)
        == [.reconnect(reason: "older")])
  }

  @Test("an idle builder that drains ends at once")
  func drainsIdle() throws {
    var session = try F.session()
    F.enter(&session)
    #expect(session.drain() == [.stop(.drained)])
  }

  @Test("a builder that stops gives its work back, for another builder to do")
  func stops() throws {
    var session = try F.session()
    F.enter(&session)
    _ = session.received(F.assign(1), at: F.now)
    #expect(
      session.cancelAll() == [.cancel(F.reference(1), reason: .builderStops)])
    let outcome = AttemptOutcome.failed(.cancelled, message: "")
    let actions = session.attemptFinished(F.reference(1), outcome: outcome, report: nil)
    guard case .send(.finished(let finished))? = actions.first,
      case .failed(.leaseLost, _) = finished.outcome
    else {
      Issue.record("\(actions)")
      return
    }
  }
}
