import BuilderProtocol
import Cryptography
import Database
import ExecutorKit
import FarmModel
import Postgres
import SimulatedBuilders
import Testing
import WebSockets

@Suite("Builders that do not behave", .timeLimit(.minutes(2)))
struct BadBuilderTests {
  /// What the backend says after it has refused a connection.
  private func refusal(_ session: SimulatedSession) async throws -> Refused? {
    guard case .refused(let refused) = try await session.next() else { return nil }
    return refused
  }

  @Test("one that speaks another protocol is told which side to upgrade")
  func protocolVersion() async throws {
    try await BackendFarm.with { farm in
      var builder = SimulatedBuilder(name: "new", targets: [])
      builder.protocolRange = [99, 99]
      let client = try WebSocketClient(url: farm.url + "/api/v1/builder")
      let hello = Hello(
        protocolRange: builder.protocolRange, name: builder.name,
        publicKey: Hex.encode(builder.key.publicKey), version: "9")
      let refused = try await client.connect { socket, messages in
        let session = SimulatedSession(socket, messages)
        try await session.send(.hello(hello))
        return try await refusal(session)
      }
      #expect(refused?.reason == .protocolVersion)
      #expect(refused?.message.contains("upgrade the older side") == true)
    }
  }

  @Test("one that connects all the time is sent away before the database is asked")
  func reconnects() async throws {
    try await BackendFarm.with { farm in
      let builder = ScriptedBuilder(name: "restless")
      var last: Refused?
      var count = 0
      while count < 200 {
        count += 1
        last = try await builder.connect(farm) { try await refusal($0) }
        if last?.reason == .unavailable { break }
      }
      #expect(last?.message.contains("connects too often") == true, "after \(count)")
      #expect(count > 30)
      // Another one is let in.
      try await ScriptedBuilder(name: "calm").work(farm) { _ in }
    }
  }

  @Test("keys that nobody has approved do not fill the database, and an invited one gets in")
  func pending() async throws {
    try await BackendFarm.with { farm in
      try await farm.database.pool.query(
        """
        INSERT INTO builders (name, public_key, state)
        SELECT 'n' || n, lpad(to_hex(n), 64, '0'), 'pending' FROM generate_series(1, 1000) AS n
        """)
      let refused = try await ScriptedBuilder(name: "one more").connect(farm) {
        try await refusal($0)
      }
      #expect(refused?.reason == .unavailable)
      #expect(refused?.message.contains("invitation") == true)
      try await ScriptedBuilder(name: "invited").work(farm) { _ in }
    }
  }

  @Test("another builder's job is neither renewed, nor ended, nor logged to")
  func othersJob() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      try await ScriptedBuilder(name: "owner").work(farm) { owner in
        let job = try await owner.assigned()
        try await ScriptedBuilder(name: "thief").work(farm, ready: false) { thief in
          try await thief.send(.heartbeat(Heartbeat(attempts: [job.reference])))
          #expect(try await thief.next() == .renewed(Renewed(attempts: [], leaseSeconds: 60)))
          try await thief.log(job, 1, "not mine\n")
          let answer = try await thief.finish(job, .failed(.compile, message: "sabotage"))
          #expect(answer == .stale(job.reference))
        }
        #expect(try await farm.get("/api/v1/jobs/\(job.job)").json("state") == "leased")
        #expect(try await farm.get("/api/v1/jobs/\(job.job)/log").text == "")
        let answer = try await owner.finish(job, .failed(.compile, message: "its own end"))
        #expect(answer == .accepted(job.reference))
      }
    }
  }

  @Test(
    "one that claims what it cannot build pauses after three crates, and another one builds them")
  func boaster() async throws {
    try await BackendFarm.with { farm in
      let names = ["one1", "two2", "three3", "four4"]
      try await farm.report([BackendFarm.registry] + names.map { try BackendFarm.version($0) })
      try await ScriptedBuilder(name: "boaster").work(farm) { session in
        for _ in 0..<3 {
          let job = try await session.assigned()
          let answer = try await session.finish(
            job, .failed(.infrastructure, message: "no such toolchain"))
          #expect(answer == .accepted(job.reference))
          try await session.send(.ready(Ready(slots: 1)))
        }
        let listed = try await farm.database.builders()
        #expect(listed.first { $0.name == "boaster" }?.quarantinedUntil != nil)
        try await ScriptedBuilder(name: "honest").work(farm) { honest in
          _ = try await honest.assigned()
        }
      }
    }
  }

  @Test("one that floods the backend with ends of attempts is slowed down, and holds up nobody")
  func floodOfEnds() async throws {
    try await BackendFarm.with { farm in
      // As if recording took long.
      let other = try await PostgresConnection(connecting: farm.database.pool.address)
      try await other.query("BEGIN")
      try await other.query("LOCK TABLE attempts IN ACCESS EXCLUSIVE MODE")
      try await ScriptedBuilder(name: "flooder", slots: 2).work(farm, ready: false) { flooder in
        for job in 1...5 as ClosedRange<Int64> {
          try await flooder.send(
            .finished(
              Finished(
                job: job, attempt: 1, outcome: .failed(.infrastructure, message: ""), report: nil)))
        }
        try await flooder.send(.heartbeat(Heartbeat(attempts: [])))
        try await ScriptedBuilder(name: "calm").work(farm, ready: false) { calm in
          for _ in 0..<20 {
            try await calm.send(.heartbeat(Heartbeat(attempts: [])))
            #expect(try await calm.next() == .renewed(Renewed(attempts: [], leaseSeconds: 60)))
          }
        }
        try await other.query("COMMIT")
        await other.close()
        var answers: [BackendMessage] = []
        for _ in 0..<6 { answers.append(try await flooder.next()) }
        let beat = answers.firstIndex { if case .renewed = $0 { true } else { false } }
        // Two run; three others and the heartbeat wait for their places.
        #expect((beat ?? 0) >= 3, "\(answers)")
        for job in 1...5 as ClosedRange<Int64> {
          #expect(answers.contains(.stale(AttemptReference(job: job, attempt: 1))))
        }
      }
    }
  }
}
