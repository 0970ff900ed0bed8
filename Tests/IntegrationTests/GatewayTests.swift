import BuilderProtocol
import Cryptography
import Database
import ExecutorKit
import FarmModel
import SimulatedBuilders
import Testing
import WebSockets

@Suite("builders at the gateway", .timeLimit(.minutes(2)))
struct GatewayTests {
  @Test("an unknown builder waits until an operator approves it")
  func approval() async throws {
    try await BackendFarm.with { farm in
      let builder = ScriptedBuilder(name: "newcomer")
      try await builder.connect(farm) { session in
        guard case .refused(let refused) = try await session.next() else {
          Issue.record("let in")
          return
        }
        #expect(refused.reason == .pending)
        #expect(try await session.closing()?.code == .policyViolation)
      }
      let listed = try await farm.get("/api/v1/builders")
      #expect(listed.json("builders", "0", "state") == "pending")
      let approved = try await farm.database.setBuilderState("newcomer", to: .approved)
      #expect(approved.count == 1)
      try await builder.connect(farm) { session in
        guard case .welcome(let welcome) = try await session.next() else {
          Issue.record("not let in")
          return
        }
        #expect(welcome.leaseSeconds == 60 && welcome.heartbeatSeconds == 15)
      }
      _ = try await farm.database.setBuilderState("newcomer", to: .disabled)
      try await builder.connect(farm) { session in
        guard case .refused(let refused) = try await session.next() else {
          Issue.record("let in")
          return
        }
        #expect(refused.reason == .disabled)
      }
    }
  }

  @Test("a builder that is disabled while it works gets no more jobs and has to go")
  func disabledMeanwhile() async throws {
    try await BackendFarm.with { farm in
      try await ScriptedBuilder(name: "b").work(farm, ready: false) { session in
        _ = try await farm.database.setBuilderState("b", to: .disabled)
        // It is told at once.
        #expect(
          try await session.next()
            == .error(ProtocolError(message: "an operator has disabled this builder")))
        #expect(try await session.closing()?.code == .policyViolation)
      }
    }
  }

  @Test("an invitation lets one builder in, once")
  func invitation() async throws {
    try await BackendFarm.with { farm in
      let token = Random.token()
      try await farm.database.invite(
        tokenHash: SHA256.hex(of: token), note: "", validForSeconds: 60)
      try await ScriptedBuilder(name: "first").connect(farm, token: token) { session in
        guard case .welcome = try await session.next() else {
          Issue.record("not let in")
          return
        }
      }
      try await ScriptedBuilder(name: "second").connect(farm, token: token) { session in
        guard case .refused(let refused) = try await session.next() else {
          Issue.record("let in")
          return
        }
        #expect(refused.reason == .pending)
      }
    }
  }

  @Test("a proof for another origin is refused")
  func foreignOrigin() async throws {
    try await BackendFarm.with { farm in
      try await ScriptedBuilder().connect(farm, origin: "http://elsewhere.example") { session in
        guard case .refused(let refused) = try await session.next() else {
          Issue.record("let in")
          return
        }
        #expect(refused.reason == .authentication)
      }
      #expect(try await farm.database.builders().isEmpty, "nobody is registered without a proof")
    }
  }

  @Test(
    "frames that are no messages are told, and the farm goes on",
    arguments: ["no JSON", "[]", "{}", #"{"type":"hello"}"#, #"{"type":"ready","slots":1}"#])
  func badFrames(_ frame: String) async throws {
    try await BackendFarm.with { farm in
      let client = try WebSocketClient(url: farm.url + "/api/v1/builder")
      try await client.connect { socket, messages in
        let session = SimulatedSession(socket, messages)
        try await session.send(text: frame)
        guard case .error(let error) = try await session.next() else {
          Issue.record("no error")
          return
        }
        #expect(!error.message.isEmpty)
        #expect(try await session.closing()?.code == .protocolError)
      }
      #expect(try await farm.get("/readyz").status == 200)
    }
  }

  @Test("a frame that is too large is refused, and the farm goes on")
  func largeFrame() async throws {
    try await BackendFarm.with { farm in
      let large = WebSocketConfiguration(maximumMessageBytes: 4 << 20)
      let client = try WebSocketClient(url: farm.url + "/api/v1/builder", configuration: large)
      try await client.connect { socket, messages in
        let session = SimulatedSession(socket, messages)
        try await session.send(text: String(repeating: "x", count: maximumFrameBytes + 1))
        #expect(try await session.closing()?.code == .messageTooLarge)
      }
      #expect(try await farm.get("/readyz").status == 200)
    }
  }

  @Test("a builder in the middle of a job that sends nonsense keeps its lease")
  func nonsenseWhileWorking() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      let builder = ScriptedBuilder()
      let job = try await builder.work(farm) { session in
        let job = try await session.assigned()
        try await session.send(text: "nonsense")
        #expect(try await session.closing()?.code == .protocolError)
        return job
      }
      try await builder.work(farm, ready: false) { session in
        try await session.send(.resume(Heartbeat(attempts: [job.reference])))
        guard case .resumed(let resumed) = try await session.next() else {
          Issue.record("no answer")
          return
        }
        #expect(resumed.held.map(\.reference) == [job.reference])
      }
    }
  }

  @Test("two builders never get the same job, and every job is given out")
  func twoBuilders() async throws {
    try await BackendFarm.with { farm in
      let names = (0..<12).map { "tool\($0)" }
      try await farm.report(
        [BackendFarm.registry] + names.map { try BackendFarm.version($0) })
      let jobs = try await withThrowingTaskGroup(of: [Int64].self) { group in
        for number in 0..<3 {
          group.addTask {
            try await ScriptedBuilder(name: "builder \(number)", slots: 4).work(farm) { session in
              var jobs: [Int64] = []
              for _ in 0..<4 { jobs.append(try await session.assigned().job) }
              return jobs
            }
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(jobs.count == 12)
      #expect(Set(jobs).count == 12)
    }
  }

  @Test("an idle builder is woken by a new version")
  func wakeUp() async throws {
    try await BackendFarm.with { farm in
      try await ScriptedBuilder().work(farm) { session in
        try await session.send(.heartbeat(Heartbeat(attempts: [])))
        guard case .renewed = try await session.next() else {
          Issue.record("a job out of nowhere")
          return
        }
        try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
        #expect(try await session.assigned().plan.inputs.crate == "tool")
      }
    }
  }

  @Test("a yank cancels what waits and tells the builder that works")
  func yank() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      let waiting = try await farm.job("tool", target: BackendFarm.arm)
      try await ScriptedBuilder().work(farm) { session in
        let job = try await session.assigned()
        try await farm.report([BackendFarm.registry, try BackendFarm.version("tool", yanked: true)])
        #expect(try await farm.get("/api/v1/jobs/\(waiting)").json("state") == "cancelled")
        try await session.send(.heartbeat(Heartbeat(attempts: [job.reference])))
        #expect(
          try await session.next()
            == .renewed(Renewed(attempts: [job.reference], leaseSeconds: 60)))
        #expect(try await session.next() == .cancel(job.reference))
        let answer = try await session.finish(job, .failed(.cancelled, message: "as asked"))
        #expect(answer == .accepted(job.reference))
        #expect(try await farm.get("/api/v1/jobs/\(job.job)").json("state") == "cancelled")
      }
    }
  }
}

extension WebSocketError {
  /// The code that the other side has closed with.
  var code: WebSocketCloseCode? {
    if case .closed(let code, _) = self { return code }
    return nil
  }
}
