import Builder
import BuilderProtocol
import Cryptography
import Testing

@Suite("a builder's way in")
struct SessionEntryTests {
  @Test("greets with its key, answers the challenge for its origin, then tells what it can do")
  func entry() throws {
    var session = try Fixture.session(slots: 2)
    let identity = try Fixture.identity()
    #expect(
      session.connected(origin: Fixture.origin) == [
        .send(
          .hello(
            Hello(
              protocolRange: [1, 1], name: "alpha", publicKey: identity.publicKeyText,
              version: "0.1.0", instance: "this run")))
      ])
    let challenge = Challenge(nonce: Hex.encode(Fixture.nonce))
    let actions = session.received(.challenge(challenge), at: Fixture.now)
    guard case .send(.authenticate(let answer))? = actions.first, actions.count == 1 else {
      Issue.record("\(actions)")
      return
    }
    #expect(answer.origin == Fixture.origin)
    let signature = try #require(Hex.decode(answer.signature))
    let key = try #require(Hex.decode(identity.publicKeyText))
    #expect(
      Ed25519.isValid(
        signature: signature,
        for: challengeMessage(nonce: Fixture.nonce, origin: Fixture.origin), publicKey: key))
    #expect(
      session.received(Fixture.welcome, at: Fixture.now) == [
        .note("connected as “alpha”, session s1"),
        .send(.capabilities(Fixture.capabilities(slots: 2))),
        .scheduleHeartbeat(after: .seconds(15)), Fixture.ready(2),
      ])
  }

  @Test(
    "waits and tries again while it is pending or the backend is not available",
    arguments: [Refused.Reason.pending, .unavailable])
  func triesAgain(reason: Refused.Reason) throws {
    var session = try Fixture.session()
    _ = session.connected(origin: Fixture.origin)
    let refused = Refused(reason: reason, message: "run `buildsrs builders approve`")
    #expect(
      session.received(.refused(refused), at: Fixture.now) == [
        .reconnect(reason: "run `buildsrs builders approve`")
      ])
  }

  @Test(
    "ends where trying again is of no use",
    arguments: [Refused.Reason.authentication, .disabled, .protocolVersion])
  func givesUp(reason: Refused.Reason) throws {
    var session = try Fixture.session()
    _ = session.connected(origin: Fixture.origin)
    #expect(
      session.received(.refused(Refused(reason: reason, message: "no")), at: Fixture.now) == [
        .stop(.refused(reason, message: "no"))
      ])
  }

  @Test("a challenge that is not 32 bytes is not signed")
  func badChallenge() throws {
    var session = try Fixture.session()
    _ = session.connected(origin: Fixture.origin)
    let actions = session.received(.challenge(Challenge(nonce: "abcd")), at: Fixture.now)
    guard case .reconnect? = actions.first, actions.count == 1 else {
      Issue.record("\(actions)")
      return
    }
  }

  @Test("jobs before the welcome are not taken")
  func outOfOrder() throws {
    var session = try Fixture.session()
    _ = session.connected(origin: Fixture.origin)
    let actions = session.received(Fixture.assign(1), at: Fixture.now)
    #expect(actions.last == .reconnect(reason: "the backend sent a message out of order"))
    #expect(session.isIdle)
  }

  @Test("a type that this version does not know is answered with an error")
  func unknownType() throws {
    var session = try Fixture.session()
    Fixture.enter(&session)
    #expect(
      session.received(.unknown(type: "dance"), at: Fixture.now) == [
        .send(.error(ProtocolError(message: "unknown type “dance”")))
      ])
  }

  @Test("a probe is told on when it changes what a scheduler cares for")
  func probes() throws {
    var session = try Fixture.session()
    Fixture.enter(&session)
    #expect(session.probed(Fixture.capabilities(slots: 1, disk: 950)) == [])
    let full = Fixture.capabilities(slots: 1, disk: 100)
    #expect(session.probed(full) == [.send(.capabilities(full))])
    _ = session.connectionLost()
    #expect(session.probed(Fixture.capabilities(slots: 1, disk: 1000)) == [])
  }
}
