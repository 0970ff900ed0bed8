import BuilderProtocol
import Cryptography
import ExecutorKit
import FarmModel
import Testing

@testable import Backend

@Suite("a builder's conversation")
struct GatewaySessionTests {
  static let origin = "http://127.0.0.1:8080"
  static let nonce = [UInt8](repeating: 7, count: 32)
  static let key = Ed25519.PrivateKey()

  static func session() -> GatewaySession {
    GatewaySession(
      terms: GatewaySession.Terms(origins: [origin], leaseSeconds: 60, heartbeatSeconds: 15),
      nonce: nonce)
  }

  static func hello(_ range: [Int] = [1, 1], key: String? = nil) -> BuilderMessage {
    .hello(
      Hello(
        protocolRange: range, name: "b", publicKey: key ?? Hex.encode(Self.key.publicKey),
        version: "1"))
  }

  static func proof(origin: String = origin, nonce: [UInt8] = nonce) -> BuilderMessage {
    let signature = key.sign(challengeMessage(nonce: nonce, origin: origin))
    return .authenticate(Authenticate(signature: Hex.encode(signature), origin: origin))
  }

  static func capabilities(slots: Int) -> BuilderMessage {
    .capabilities(
      Capabilities(
        modules: [], targets: [], architecture: "x86_64", cores: 1, memoryBytes: 1 << 33,
        diskBytes: 1, slots: slots))
  }

  /// A session whose builder is in.
  static func active(slots: Int) -> GatewaySession {
    var session = session()
    _ = session.received(hello())
    _ = session.received(proof())
    _ = session.registered(.approved(builder: 5, isDraining: false))
    _ = session.received(capabilities(slots: slots))
    return session
  }

  private func isRefused(_ actions: [GatewayAction], _ reason: Refused.Reason) -> Bool {
    guard case .send(.refused(let refused)) = actions.first, case .close = actions.last else {
      return false
    }
    return refused.reason == reason
  }

  @Test("hello, challenge, authenticate, welcome")
  func welcome() {
    var session = Self.session()
    #expect(
      session.received(Self.hello())
        == [.send(.challenge(Challenge(nonce: Hex.encode(Self.nonce))))])
    #expect(
      session.received(Self.proof())
        == [
          .register(
            BuilderIntroduction(
              name: "b", publicKey: Hex.encode(Self.key.publicKey), version: "1"))
        ])
    let actions = session.registered(.approved(builder: 5, isDraining: false))
    #expect(
      actions == [
        .send(
          .welcome(
            Welcome(
              session: "0707070707070707", protocolVersion: 1, heartbeatSeconds: 15,
              leaseSeconds: 60)))
      ])
    #expect(session.phase == .active && session.builder == 5)
  }

  @Test("the highest version that both speak is taken; without one the builder is refused")
  func versions() {
    var newer = Self.session()
    #expect(newer.received(Self.hello([1, 9])).count == 1)
    #expect(newer.phase != .ended)
    var foreign = Self.session()
    #expect(isRefused(foreign.received(Self.hello([2, 9])), .protocolVersion))
    #expect(foreign.phase == .ended)
  }

  @Test("a signature for another origin, nonce or key is refused")
  func signatures() {
    for proof in [
      Self.proof(origin: "http://evil.example"), Self.proof(nonce: [1, 2, 3]),
      .authenticate(Authenticate(signature: "zz", origin: Self.origin)),
    ] {
      var session = Self.session()
      _ = session.received(Self.hello())
      #expect(isRefused(session.received(proof), .authentication))
    }
    var other = Self.session()
    _ = other.received(Self.hello(key: String(repeating: "0", count: 64)))
    #expect(isRefused(other.received(Self.proof()), .authentication))
  }

  @Test("a builder that waits for approval or is disabled is not let in")
  func standing() {
    for (standing, reason) in [
      (BuilderStanding.pending, Refused.Reason.pending), (.disabled, .disabled),
    ] {
      var session = Self.session()
      _ = session.received(Self.hello())
      _ = session.received(Self.proof())
      #expect(isRefused(session.registered(standing), reason))
    }
  }

  @Test(
    "what is out of order before the builder is in ends the connection",
    arguments: [
      BuilderMessage.ready(Ready(slots: 1)), .heartbeat(Heartbeat(attempts: [])), proof(),
      .unknown(type: "x"),
    ])
  func outOfOrder(_ message: BuilderMessage) {
    var session = Self.session()
    let actions = session.received(message)
    guard case .send(.error) = actions.first, case .close(.protocolError, _) = actions.last else {
      Issue.record("\(actions)")
      return
    }
    #expect(session.received(Self.hello()).isEmpty, "nothing counts after the end")
  }

  @Test("what is unknown or out of order afterwards is answered and ignored")
  func tolerated() {
    var session = Self.active(slots: 1)
    for message in [BuilderMessage.unknown(type: "x"), Self.hello(), Self.proof()] {
      let actions = session.received(message)
      guard actions.count == 1, case .send(.error) = actions.first else {
        Issue.record("\(actions)")
        return
      }
    }
    #expect(session.phase == .active)
  }

  @Test("slots are what the builder announced, never more than it has beside what it holds")
  func slots() {
    var session = Self.active(slots: 2)
    #expect(session.claimableSlots == 0)
    #expect(session.received(.ready(Ready(slots: 2))) == [.forsake(keeping: []), .claim])
    #expect(session.claimableSlots == 2)
    let first = AttemptReference(job: 1, attempt: 1)
    session.assigned([first])
    #expect(session.claimableSlots == 1)
    // Sent before the builder had seen the assignment.
    _ = session.received(.ready(Ready(slots: 2)))
    #expect(session.claimableSlots == 1)
    session.ended(first)
    #expect(session.claimableSlots == 2)
  }

  @Test("a renewal takes away what is lost and leaves what was not asked for")
  func renewal() {
    var session = Self.active(slots: 3)
    let references = (1...3).map { AttemptReference(job: $0, attempt: 1) }
    session.assigned(references)
    session.renewed(asked: [references[0], references[1]], held: [references[1]])
    #expect(session.held == [references[1], references[2]])
  }

  @Test("a draining builder gets no more jobs")
  func draining() {
    var session = Self.active(slots: 1)
    _ = session.received(.ready(Ready(slots: 1)))
    let draining = BuilderStanding.approved(builder: 5, isDraining: true)
    #expect(session.reconsidered(draining) == [.send(.drain)])
    #expect(session.claimableSlots == 0)
    #expect(session.reconsidered(draining).isEmpty)
    #expect(session.reconsidered(.approved(builder: 5, isDraining: false)) == [.claim])
    #expect(session.claimableSlots == 1)
    // One that has heard it announces nothing any more, and begins anew.
    _ = session.reconsidered(draining)
    _ = session.received(.ready(Ready(slots: 0)))
    let actions = session.reconsidered(.approved(builder: 5, isDraining: false))
    guard case .close(.goingAway, _) = actions.last else {
      Issue.record("\(actions)")
      return
    }
    #expect(actions.count == 1 && session.phase == .ended)
  }

  @Test(
    "what a builder works on it says once: by its first “resume”, else by “ready” and before it claims"
  )
  func declares() {
    let references = (1...2).map { AttemptReference(job: $0, attempt: 1) }
    var resuming = Self.active(slots: 2)
    #expect(
      resuming.received(.resume(Heartbeat(attempts: [references[0]])))
        == [.resume([references[0]]), .forsake(keeping: [references[0]])])
    #expect(
      resuming.received(.resume(Heartbeat(attempts: [references[1]]))) == [.resume([references[1]])]
    )
    #expect(resuming.received(.ready(Ready(slots: 1))) == [.claim])
    // What a heartbeat has named before is held, too.
    var silent = Self.active(slots: 2)
    #expect(
      silent.received(.heartbeat(Heartbeat(attempts: [references[0]]))) == [.renew([references[0]])]
    )
    silent.renewed(asked: [references[0]], held: [references[0]])
    #expect(
      silent.received(.ready(Ready(slots: 1))) == [.forsake(keeping: [references[0]]), .claim])
  }

  @Test("one that is here by a newer connection has to go, and is told whose that is")
  func replaced() {
    for (isOwn, reason) in [(true, Refused.Reason.unavailable), (false, .replaced)] {
      var session = Self.active(slots: 1)
      _ = session.received(.ready(Ready(slots: 1)))
      #expect(isRefused(session.reconsidered(.replaced(isOwn: isOwn)), reason))
      #expect(session.phase == .ended && session.claimableSlots == 0)
    }
  }

  @Test("an announcement of more slots than it has gives a builder no more than those")
  func boast() {
    var session = Self.active(slots: 2)
    _ = session.received(.ready(Ready(slots: .max)))
    #expect(session.claimableSlots == 2)
    session.assigned((1...2).map { AttemptReference(job: $0, attempt: 1) })
    _ = session.received(.ready(Ready(slots: 1_000_000)))
    #expect(session.claimableSlots == 0)
  }

  @Test("who does not say who it is in time, or is disabled meanwhile, has to go")
  func goes() {
    var silent = Self.session()
    guard case .close(.policyViolation, _) = silent.timedOut().last else {
      Issue.record("stays")
      return
    }
    var builder = Self.active(slots: 1)
    #expect(builder.timedOut().isEmpty)
    guard case .close(.policyViolation, _) = builder.reconsidered(.disabled).last else {
      Issue.record("stays")
      return
    }
  }

  @Test("a log chunk that is too large or has no number that can be stored is refused")
  func logChunks() {
    var session = Self.active(slots: 1)
    let large = LogChunk(
      job: 1, attempt: 1, sequence: 1, text: String(repeating: "x", count: 65537))
    let numbers = [0, Int(Int32.max) + 1].map {
      LogChunk(job: 1, attempt: 1, sequence: $0, text: "x")
    }
    for chunk in [large] + numbers {
      guard case .send(.error) = session.received(.log(chunk)).first else {
        Issue.record("taken: \(chunk.sequence)")
        return
      }
    }
    let good = LogChunk(job: 1, attempt: 1, sequence: 1, text: "x")
    #expect(session.received(.log(good)) == [.storeLog(good)])
  }

  @Test("frames that are no messages are told and end the connection")
  func unreadable() {
    var session = Self.active(slots: 1)
    let actions = session.unreadable(.notAMessage("not JSON"))
    #expect(
      actions.last
        == .close(.protocolError, reason: "no JSON object with a text “type”: not JSON"))
  }
}

@Suite("small decisions of the backend")
struct GatewayDecisionTests {
  @Test("the escape of U+0000 becomes U+FFFD, and only that")
  func nullCharacters() {
    #expect(withoutNullCharacters(#"{"a":"\u0000b"}"#) == #"{"a":"\ufffdb"}"#)
    #expect(withoutNullCharacters(#"{"a":"\\u0000"}"#) == #"{"a":"\\u0000"}"#)
    #expect(withoutNullCharacters(#"{"a":"\n\u00001"}"#) == #"{"a":"\n\ufffd1"}"#)
    #expect(withoutNullCharacters(#"{"a":"é"}"#) == #"{"a":"é"}"#)
    #expect(withoutNullCharacters("\\") == "\\")
  }

  @Test("download templates with markers and without")
  func templates() {
    func url(_ template: String, _ crate: String = "Serde") -> String {
      DownloadTemplate.url(template, crate: crate, version: "1.0.0", checksum: "ab")
    }
    #expect(url("https://r/api/") == "https://r/api/Serde/1.0.0/download")
    #expect(url("https://r/{crate}-{version}.crate") == "https://r/Serde-1.0.0.crate")
    #expect(url("https://r/{lowerprefix}/{sha256-checksum}") == "https://r/se/rd/ab")
    #expect(url("https://r/{prefix}/", "abc") == "https://r/3/a/")
  }

  @Test(
    "ranges of bytes",
    arguments: [
      (nil, ByteRange.whole), ("bytes=0-0", .part(0..<1)), ("bytes=5-", .part(5..<10)),
      ("bytes=-3", .part(7..<10)), ("bytes=-99", .part(0..<10)), ("bytes=2-99", .part(2..<10)),
      ("bytes=10-", .unsatisfiable), ("bytes=-0", .unsatisfiable), ("bytes=0-1,3-4", .whole),
      ("bytes=4-2", .whole), ("lines=1-2", .whole), ("bytes=a-b", .whole), ("bytes=-", .whole),
    ])
  func ranges(_ header: String?, _ range: ByteRange) {
    #expect(ByteRange(header: header, size: 10) == range)
  }

  @Test("downloads by the layout of cargo binstall")
  func downloads() throws {
    let path = try #require(
      DownloadPath(
        folder: "cargo-x-1.0.0-rc.1+b",
        file: "cargo-x-1.0.0-rc.1+b-x86_64-unknown-linux-gnu.tar.gz.sig"))
    #expect(path.crate.text == "cargo-x")
    #expect(path.version.description == "1.0.0-rc.1+b")
    #expect(path.target.text == "x86_64-unknown-linux-gnu")
    #expect(path.part == .signature)
    #expect(DownloadPath(folder: "a-1.0.0", file: "b-1.0.0-x86_64-unknown-linux-gnu.tar.gz") == nil)
    #expect(DownloadPath(folder: "a", file: "a-x86_64-unknown-linux-gnu.tar.gz") == nil)
  }

  @Test("a client may ask as often in a minute as allowed, then waits for the next token")
  func rates() {
    let limiter = RateLimiter(perMinute: 2)
    let start = ContinuousClock.now
    #expect(limiter.take("a", now: start) == nil)
    #expect(limiter.take("a", now: start) == nil)
    #expect(limiter.take("a", now: start) == 30)
    #expect(limiter.take("b", now: start) == nil)
    #expect(limiter.take("a", now: start + .seconds(30)) == nil)
  }

  @Test("Content-Digest names a SHA-256 among others, or nothing")
  func contentDigest() {
    let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    let hex = SHA256.hex(of: "")
    #expect(ContentDigest.sha256("sha-256=:\(digest):") == hex)
    #expect(ContentDigest.sha256("sha-512=:AA==:, sha-256=:\(digest):") == hex)
    #expect(ContentDigest.sha256("sha-256=\(digest)") == nil)
    #expect(ContentDigest.sha256("sha-256=:AAAA:") == nil)
  }

  @Test("an event's lines each have their own field")
  func events() {
    #expect(ServerSentEvent(data: "a\r\nb\n").text == "data: a\ndata: b\ndata: \n\n")
    #expect(ServerSentEvent("end", data: "x").text == "event: end\ndata: x\n\n")
  }
}
