import BuilderProtocol
import ExecutorKit
import FarmModel
import Testing

@Suite("Messages between builder and backend")
struct CodecTests {
  static let reference = AttemptReference(job: 7, attempt: 2)
  static let plan = Plan(
    inputs: BuildInputs(
      crate: "hexyl", version: "0.8.0", checksum: String(repeating: "a", count: 64),
      target: "aarch64-unknown-linux-gnu", executor: "docker-cross",
      configuration: .map(["arguments": .map(["debian": .text("arm64")])])),
    checks: BuildChecks(runner: ["qemu-aarch64-static"]), limits: Limits())

  @Test(
    "every builder message survives its frame",
    arguments: [
      BuilderMessage.hello(Hello(protocolRange: [1, 1], name: "b", publicKey: "00", version: "1")),
      .authenticate(Authenticate(signature: "00", origin: "http://127.0.0.1:1")),
      .capabilities(
        Capabilities(
          modules: [.init(name: "fake", version: "1")],
          targets: [
            .init(
              triple: "a-b-c", module: "fake", health: .unhealthy(reason: "x", remedy: "y"))
          ], architecture: "x86_64", cores: 2, memoryBytes: 1, diskBytes: 2, slots: 1)),
      .ready(Ready(slots: 2)), .progress(Progress(job: 1, attempt: 1, stage: .smoke)),
      .log(LogChunk(job: 1, attempt: 1, sequence: 3, text: "é\n")),
      .heartbeat(Heartbeat(attempts: [reference])), .resume(Heartbeat(attempts: [])),
      .finished(
        Finished(job: 1, attempt: 1, outcome: .failed(.compile, message: "x"), report: nil)),
      .error(ProtocolError(message: "no")), .unknown(type: "future"),
    ])
  func builderRoundTrip(message: BuilderMessage) throws {
    #expect(try BuilderMessage(decoding: message.encoded()) == message)
  }

  @Test(
    "every backend message survives its frame",
    arguments: [
      BackendMessage.challenge(Challenge(nonce: "00")),
      .welcome(Welcome(session: "s", protocolVersion: 1, heartbeatSeconds: 15, leaseSeconds: 60)),
      .refused(Refused(reason: .pending, message: "wait")),
      .assign(
        Assign(
          jobs: [
            AssignedJob(
              job: 7, attempt: 2, leaseSeconds: 60, plan: plan, sourceURL: "http://x/y",
              sourceChecksum: "aa", uploadURL: "http://x/u", uploadToken: "t",
              check: CheckedFile(url: "http://x/a", sha256: "bb"))
          ], registry: .init(downloadTemplate: "http://x/{crate}"))),
      .renewed(Renewed(attempts: [reference], leaseSeconds: 60)),
      .resumed(
        Resumed(held: [.init(job: 7, attempt: 2, lastSequence: 9)], leaseSeconds: 60)),
      .logReceived(LogReceived(job: 7, attempt: 2, sequence: 4)), .cancel(reference), .drain,
      .accepted(reference), .stale(reference), .error(ProtocolError(message: "no")),
    ])
  func backendRoundTrip(message: BackendMessage) throws {
    #expect(try BackendMessage(decoding: message.encoded()) == message)
  }

  @Test("field names are those of the design")
  func fieldNames() throws {
    let text = try BackendMessage.logReceived(LogReceived(job: 1, attempt: 2, sequence: 3))
      .encoded()
    #expect(text == #"{"attempt":2,"job":1,"sequence":3,"type":"log_received"}"#)
  }

  @Test("unknown fields are ignored, unknown types are told")
  func tolerance() throws {
    #expect(
      try BuilderMessage(decoding: #"{"type":"ready","slots":1,"later":true}"#)
        == .ready(Ready(slots: 1)))
    #expect(try BuilderMessage(decoding: #"{"type":"dance"}"#) == .unknown(type: "dance"))
  }

  @Test("a bad frame is told apart and explained")
  func badFrames() {
    #expect(throws: MessageDecodingError.notAMessage("not JSON")) {
      try BuilderMessage(decoding: "{")
    }
    #expect(throws: MessageDecodingError.notAMessage("“type” is missing")) {
      try BuilderMessage(decoding: "{}")
    }
    #expect(
      throws: MessageDecodingError.badField(type: "ready", problem: "“slots” has the wrong type")
    ) { try BuilderMessage(decoding: #"{"type":"ready","slots":"many"}"#) }
    #expect(throws: MessageDecodingError.tooLarge(bytes: maximumFrameBytes + 1)) {
      try BuilderMessage(decoding: String(repeating: "x", count: maximumFrameBytes + 1))
    }
  }
}
