import Archives
import Builder
import BuilderProtocol
import Cryptography
import ExecutorKit
import FarmModel
import Foundation
import Logging
import Testing
import WebSockets

/// A real builder with the fake module and real children, against a scripted backend.
@Suite("a builder and its children", .timeLimit(.minutes(3)))
struct BuilderServiceTests {
  static let target = "x86_64-unknown-linux-gnu"
  /// An ELF file that every machine has, as what the fake module "builds".
  static let program = "/bin/true"
  static let success = ["binary": program, "name": "hello"]

  @Test("connects, proves its key, builds, logs, uploads and is accepted")
  func wholeWay() async throws {
    let logged = Collector<String>()
    let backend = try Self.backend { backend, conversation in
      let capabilities = try await conversation.welcome(origin: backend.origin)
      #expect(capabilities.modules.map(\.name) == ["fake"])
      #expect(
        capabilities.targets == [
          .init(triple: Self.target, module: "fake", health: .ready(toolchains: ["1.96.0"]))
        ])
      #expect(try await conversation.ready() == 1)
      try await conversation.assign(backend.job(7, fake: Self.success))
      let finished = try await conversation.next { message -> Finished? in
        if case .log(let chunk) = message { logged.add(chunk.text) }
        if case .finished(let finished) = message { return finished }
        return nil
      }
      #expect(finished.outcome == .succeeded, "\(logged.all.joined())")
      #expect(finished.report?.binaries.map(\.name) == ["hello"])
      #expect(finished.report?.seconds["upload"] != nil)
      try await conversation.send(.accepted(AttemptReference(job: 7, attempt: 1)))
      #expect(try await conversation.ready() == 1)
      backend.stopBuilder()
      _ = try? await conversation.next()
    }
    try await Self.run(backend) { ending, state in
      #expect(ending == .drained)
      let left = try FileManager.default.contentsOfDirectory(atPath: state + "/work")
      #expect(left == [])
    }
    #expect(logged.all.joined().contains("fake: build begins"))
    let uploads = backend.uploads.all
    #expect(
      Set(uploads.map(\.file)) == [
        "hello-1.0.0-\(Self.target).tar.gz", "hello_1.0.0_amd64.deb",
        "hello-1.0.0-\(Self.target).sbom.cdx.json", "hello-1.0.0-\(Self.target).metadata.json",
      ])
    for upload in uploads {
      let digest = Data(SHA256.digest(of: upload.bytes)).base64EncodedString()
      #expect(upload.digest == "sha-256=:\(digest):")
      #expect(upload.authorization == "Bearer secret")
    }
  }

  @Test("an upload is repeated after 503 and given up when it is stale, which frees the slot")
  func uploads() async throws {
    let backend = try Self.backend(uploadStatuses: [503, 409]) { backend, conversation in
      _ = try await conversation.welcome(origin: backend.origin)
      _ = try await conversation.ready()
      try await conversation.assign(backend.job(1, fake: Self.success))
      // The backend counts the attempt against the slots until it hears of its end.
      let finished = try await conversation.finished()
      let lost = AttemptOutcome.failed(
        .leaseLost, message: "the backend took no more uploads of this attempt")
      #expect(finished.outcome == lost && finished.report == nil)
      #expect(try await conversation.ready() == 1)
      try await conversation.send(.stale(AttemptReference(job: 1, attempt: 1)))
      backend.stopBuilder()
      _ = try? await conversation.next()
    }
    try await Self.run(backend) { ending, _ in #expect(ending == .drained) }
    #expect(backend.uploads.all.count == 2)
  }

  @Test("a lost connection interrupts nothing: the work is resumed and told to the next one")
  func reconnects() async throws {
    let gate = FileManager.default.temporaryDirectory
      .appending(path: "gate-\(UUID().uuidString)").path(percentEncoded: false)
    defer { try? FileManager.default.removeItem(atPath: gate) }
    let backend = try Self.backend(
      { backend, conversation in
        _ = try await conversation.welcome(origin: backend.origin)
        _ = try await conversation.ready()
        try await conversation.assign(
          backend.job(1, fake: Self.success.merging(["wait-for": gate]) { $1 }))
        // In the middle of the build: the backend dies.
        try await conversation.next { message in
          if case .log(let chunk) = message, chunk.text.contains("build begins") { () } else { nil }
        }
      },
      { backend, conversation in
        _ = try await conversation.welcome(origin: backend.origin)
        let asked = try await conversation.next { message -> [AttemptReference]? in
          if case .resume(let resume) = message { resume.attempts } else { nil }
        }
        #expect(asked == [AttemptReference(job: 1, attempt: 1)])
        let held = Resumed.Held(job: 1, attempt: 1, lastSequence: 0)
        try await conversation.send(.resumed(Resumed(held: [held], leaseSeconds: 60)))
        let again = try await conversation.next { message -> LogChunk? in
          if case .log(let chunk) = message { chunk } else { nil }
        }
        #expect(again.sequence == 1, "the log comes again from its beginning")
        #expect(FileManager.default.createFile(atPath: gate, contents: nil))
        let finished = try await conversation.finished()
        #expect(finished.outcome == .succeeded)
        try await conversation.send(.accepted(AttemptReference(job: 1, attempt: 1)))
        backend.stopBuilder()
        _ = try? await conversation.next()
      })
    try await Self.run(backend) { ending, _ in #expect(ending == .drained) }
  }

  @Test("a builder that is sent away while it works sweeps what its killed children leave")
  func sentAway() async throws {
    let swept = FileManager.default.temporaryDirectory
      .appending(path: "swept-\(UUID().uuidString)").path(percentEncoded: false)
    defer { try? FileManager.default.removeItem(atPath: swept) }
    let backend = try Self.backend(
      { backend, conversation in
        _ = try await conversation.welcome(origin: backend.origin)
        // Of the sweep before the first connection.
        try FileManager.default.removeItem(atPath: swept)
        _ = try await conversation.ready()
        try await conversation.assign(backend.job(1, fake: ["command": "wait"]))
        try await conversation.next {
          if case .progress(let it) = $0, it.stage == .build { () } else { nil }
        }
      },
      { _, conversation in
        _ = try await conversation.next()
        try await conversation.send(.refused(Refused(reason: .disabled, message: "go")))
        _ = try? await conversation.next()
      })
    try await Self.run(backend, environment: ["BUILDSRS_FAKE_SWEPT": swept]) { ending, _ in
      #expect(ending == .refused(.disabled, message: "go"))
      #expect(FileManager.default.fileExists(atPath: swept))
    }
  }

  @Test("nothing begins while a sweep may take it for what a lost child has left")
  func sweeping() async throws {
    let swept = FileManager.default.temporaryDirectory
      .appending(path: "swept-\(UUID().uuidString)").path(percentEncoded: false)
    defer { try? FileManager.default.removeItem(atPath: swept) }
    let backend = try Self.backend { backend, conversation in
      _ = try await conversation.welcome(origin: backend.origin)
      // Of the sweep before the first connection.
      try FileManager.default.removeItem(atPath: swept)
      _ = try await conversation.ready()
      try await conversation.assign(backend.job(1, fake: ["command": "crash"]))
      _ = try await conversation.finished()
      try await conversation.send(.accepted(AttemptReference(job: 1, attempt: 1)))
      try await conversation.assign(backend.job(2, fake: ["binary": swept, "name": "hello"]))
      #expect(try await conversation.finished().outcome == .succeeded)
      try await conversation.send(.accepted(AttemptReference(job: 2, attempt: 1)))
      backend.stopBuilder()
      _ = try? await conversation.next()
    }
    try await Self.run(backend, environment: ["BUILDSRS_FAKE_SWEPT": swept]) { ending, _ in
      #expect(ending == .drained)
    }
  }

  @Test(
    "a child that crashes costs its attempt, with the signal and its message, and nothing else")
  func crash() async throws {
    let backend = try Self.backend { backend, conversation in
      _ = try await conversation.welcome(origin: backend.origin)
      _ = try await conversation.ready()
      try await conversation.assign(backend.job(1, fake: ["command": "crash"]))
      let finished = try await conversation.finished()
      guard case .failed(.infrastructure, let message) = finished.outcome else {
        Issue.record("\(finished.outcome)")
        return
      }
      #expect(message.contains("crashed with signal"))
      #expect(message.contains("told to crash in run"))
      try await conversation.send(.accepted(AttemptReference(job: 1, attempt: 1)))
      try await conversation.assign(backend.job(2, fake: Self.success))
      #expect(try await conversation.finished().outcome == .succeeded)
      try await conversation.send(.accepted(AttemptReference(job: 2, attempt: 1)))
      backend.stopBuilder()
      _ = try? await conversation.next()
    }
    try await Self.run(backend) { ending, _ in #expect(ending == .drained) }
  }

  @Test(
    "a cancelled job ends as cancelled, whether its child listens or must be killed",
    arguments: ["wait", "hang"])
  func cancels(command: String) async throws {
    let backend = try Self.backend { backend, conversation in
      _ = try await conversation.welcome(origin: backend.origin)
      _ = try await conversation.ready()
      try await conversation.assign(backend.job(1, fake: ["command": command]))
      try await conversation.next { message in
        if case .log(let chunk) = message, chunk.text.contains("build begins") { () } else { nil }
      }
      try await conversation.send(.cancel(AttemptReference(job: 1, attempt: 1)))
      let finished = try await conversation.finished()
      guard case .failed(.cancelled, _) = finished.outcome else {
        Issue.record("\(finished.outcome)")
        return
      }
      try await conversation.send(.accepted(AttemptReference(job: 1, attempt: 1)))
      backend.stopBuilder()
      _ = try? await conversation.next()
    }
    try await Self.run(backend) { ending, _ in #expect(ending == .drained) }
  }

  @Test("a child that says nothing for too long is killed")
  func silence() async throws {
    let backend = try Self.backend { backend, conversation in
      _ = try await conversation.welcome(origin: backend.origin)
      _ = try await conversation.ready()
      var job = backend.job(1, fake: ["prepare": "hang"])
      job.plan.limits.timeSeconds = 1
      try await conversation.assign(job)
      let finished = try await conversation.finished()
      guard case .failed(.infrastructure, let message) = finished.outcome else {
        Issue.record("\(finished.outcome)")
        return
      }
      #expect(message.contains("answered nothing for 2 s"))
      try await conversation.send(.accepted(AttemptReference(job: 1, attempt: 1)))
      backend.stopBuilder()
      _ = try? await conversation.next()
    }
    try await Self.run(backend, silenceMargin: .seconds(1)) { ending, _ in
      #expect(ending == .drained)
    }
  }

  @Test(
    "a module that crashes or hangs in its probe is told as unhealthy",
    arguments: ["crash", "hang"])
  func probe(instruction: String) async throws {
    let backend = try Self.backend { backend, conversation in
      let capabilities = try await conversation.welcome(origin: backend.origin)
      guard case .unhealthy(let reason, _)? = capabilities.targets.first?.health else {
        Issue.record("\(capabilities.targets)")
        return
      }
      #expect(reason.contains(instruction == "crash" ? "crashed with signal" : "answered nothing"))
      backend.stopBuilder()
      _ = try? await conversation.next()
    }
    try await Self.run(backend, probe: instruction) { ending, _ in #expect(ending == .drained) }
  }

  @Test("a builder that an operator drains finishes what it has, stays, and works again")
  func drained() async throws {
    let backend = try Self.backend(
      { backend, conversation in
        _ = try await conversation.welcome(origin: backend.origin)
        #expect(try await conversation.ready() == 1)
        try await conversation.assign(backend.job(1, fake: Self.success))
        try await conversation.send(.drain)
        #expect(try await conversation.finished().outcome == .succeeded)
        try await conversation.send(.accepted(AttemptReference(job: 1, attempt: 1)))
        // It answers: it is still there.
        try await conversation.send(.unknown(type: "still there?"))
        try await conversation.next { if case .error = $0 { () } else { nil } }
        // The end of the connection lets it work again.
        conversation.socket.close(.goingAway)
      },
      { backend, conversation in
        _ = try await conversation.welcome(origin: backend.origin)
        #expect(try await conversation.ready() == 1)
        backend.stopBuilder()
        _ = try? await conversation.next()
      })
    try await Self.run(backend) { ending, _ in #expect(ending == .drained) }
  }

  @Test("a builder whose key another program uses ends, and does not fight for it")
  func replaced() async throws {
    let backend = try Self.backend { backend, conversation in
      _ = try await conversation.welcome(origin: backend.origin)
      _ = try await conversation.ready()
      try await conversation.send(.refused(Refused(reason: .replaced, message: "a key each")))
      _ = try? await conversation.next()
    }
    try await Self.run(backend) { ending, _ in
      #expect(ending == .refused(.replaced, message: "a key each"))
    }
  }

  @Test("a builder that waits for approval asks again; one that is disabled ends")
  func refused() async throws {
    let backend = try Self.backend(
      { _, conversation in
        _ = try await conversation.next()
        try await conversation.send(
          .refused(Refused(reason: .pending, message: "run `buildsrs builders approve`")))
        _ = try? await conversation.next()
      },
      { _, conversation in
        _ = try await conversation.next()
        try await conversation.send(
          .refused(Refused(reason: .disabled, message: "ask the operator")))
        _ = try? await conversation.next()
      })
    try await Self.run(backend) { ending, _ in
      #expect(ending == .refused(.disabled, message: "ask the operator"))
    }
  }
}
