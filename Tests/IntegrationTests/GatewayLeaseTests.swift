import BuilderProtocol
import Database
import ExecutorKit
import FarmModel
import Postgres
import SimulatedBuilders
import Testing

@Suite("leases of builders", .timeLimit(.minutes(2)))
struct GatewayLeaseTests {
  @Test("a lease that runs out gives the job to another builder, and the first one is stale")
  func expiry() async throws {
    try await BackendFarm.with(leaseSeconds: 2) { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      try await ScriptedBuilder(name: "first").work(farm) { first in
        let lost = try await first.assigned()
        #expect(lost.attempt == 1 && lost.leaseSeconds == 2)
        try await ScriptedBuilder(name: "second").work(farm) { second in
          // The reaper waits for a lease period, the job for its pause: nobody sleeps here.
          let job = try await second.assigned()
          #expect(job.job == lost.job && job.attempt == 2)
          let late = try await first.finish(lost, .succeeded, report: lost.report([1]))
          #expect(late == .stale(lost.reference))
          let upload = try await farm.upload(
            [1], to: "\(lost.uploadURL)/\(lost.archive)", token: lost.uploadToken)
          #expect(upload.status == 409)
          try await first.send(.heartbeat(Heartbeat(attempts: [lost.reference])))
          #expect(
            try await first.next() == .renewed(Renewed(attempts: [], leaseSeconds: 2)))
        }
      }
      let job = try await farm.job("tool")
      let page = try await farm.get("/api/v1/jobs/\(job)")
      #expect(page.json("attempts", "0", "failure", "failure_class") == "lease-lost")
    }
  }

  @Test("an end that was recorded is accepted again after a resume that holds it no more")
  func repeatedEnd() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      let builder = ScriptedBuilder()
      // The answer is lost with the connection, as far as the builder knows.
      let job = try await builder.work(farm) { session in
        let job = try await session.assigned()
        #expect(
          try await session.finish(job, .failed(.compile, message: "no"))
            == .accepted(job.reference))
        return job
      }
      try await builder.work(farm, ready: false) { session in
        try await session.send(.resume(Heartbeat(attempts: [job.reference])))
        #expect(
          try await session.next() == .resumed(Resumed(held: [], leaseSeconds: 60)))
        #expect(
          try await session.finish(job, .failed(.compile, message: "no"))
            == .accepted(job.reference))
      }
    }
  }

  @Test("after a reconnect a builder resumes its lease with the last log sequence")
  func resume() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      let builder = ScriptedBuilder()
      let job = try await builder.work(farm) { session in
        let job = try await session.assigned()
        try await session.log(job, 1, "one\n")
        try await session.log(job, 2, "two\n")
        #expect(
          try await session.next()
            == .logReceived(LogReceived(job: job.job, attempt: job.attempt, sequence: 2)))
        return job
      }
      // Even when it has run out meanwhile, as long as nobody else has the job.
      try await farm.expire(job.job)
      try await builder.work(farm, ready: false) { session in
        let gone = AttemptReference(job: job.job, attempt: job.attempt + 1)
        try await session.send(.resume(Heartbeat(attempts: [job.reference, gone])))
        #expect(
          try await session.next()
            == .resumed(
              Resumed(
                held: [Resumed.Held(job: job.job, attempt: job.attempt, lastSequence: 2)],
                leaseSeconds: 60)))
      }
    }
  }

  @Test("messages for another builder's job change nothing")
  func otherBuildersJob() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      try await ScriptedBuilder(name: "owner").work(farm) { owner in
        let job = try await owner.assigned()
        try await ScriptedBuilder(name: "thief").work(farm, ready: false) { thief in
          try await thief.log(job, 1, "lies\n")
          try await thief.send(
            .progress(Progress(job: job.job, attempt: job.attempt, stage: .upload)))
          let answer = try await thief.finish(job, .failed(.compile, message: "lies"))
          #expect(answer == .stale(job.reference))
        }
        let page = try await farm.get("/api/v1/jobs/\(job.job)")
        #expect(page.json("state") == "leased")
        #expect(page.json("attempts", "0", "stage") == "")
        #expect(try await farm.get("/api/v1/jobs/\(job.job)/log").text == "")
      }
    }
  }

  @Test("an infrastructure failure is tried again, a compile failure is final")
  func failures() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      try await ScriptedBuilder().work(farm) { session in
        let job = try await session.assigned()
        let answer = try await session.finish(job, .failed(.infrastructure, message: "no engine"))
        #expect(answer == .accepted(job.reference))
        #expect(try await farm.get("/api/v1/jobs/\(job.job)").json("state") == "pending")
        try await farm.database.pool.query(
          "UPDATE jobs SET hold = NULL, not_before = NULL, avoid = '{}'")
        try await session.send(.ready(Ready(slots: 1)))
        let again = try await session.assigned()
        #expect(again.reference == AttemptReference(job: job.job, attempt: 2))
        _ = try await session.finish(again, .failed(.compile, message: "error[E0308]"))
        let page = try await farm.get("/api/v1/jobs/\(job.job)")
        #expect(page.json("state") == "failed")
        #expect(page.json("failure", "message") == "error[E0308]")
      }
    }
  }
}
