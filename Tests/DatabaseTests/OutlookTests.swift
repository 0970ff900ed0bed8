import Database
import ExecutorKit
import FarmModel
import Scheduling
import Testing

@Suite("Why a job waits", .timeLimit(.minutes(5)))
struct OutlookTests {
  /// What an operator reads of the only job.
  private func why(_ farm: Farm, limits: [String: Int] = [:]) async throws -> String {
    let ids = try await farm.database.queuedJobs(limit: 10, states: [.pending])
    let id = try #require(ids.first)
    let job = try #require(try await farm.database.job(id))
    return try #require(try await farm.database.outlook(of: [job], limits: limits)[job.id]).why
  }

  @Test("a job that failed at the only builder that could do it waits for another")
  func avoided() async throws {
    try await Farm.with { farm in
      try await farm.addJob("one")
      let (first, second) = (try await farm.addBuilder("1"), try await farm.addBuilder("2"))
      for builder in [first, second] { try await farm.tellMemory(8 << 30, of: builder) }
      let job = try #require(try await farm.claim(first))
      _ = try await farm.database.fail(
        builder: first, job: job.id, attempt: 1, failure: ExecutorFailure(.infrastructure, "away"))
      try await farm.endPause(job.id)
      #expect(try await why(farm) == "next for its target")
      _ = try await farm.database.setDraining(String(second), true)
      #expect(try await why(farm).hasPrefix("waits for a builder other than builder 1"))
    }
  }

  @Test("a second opinion is not given by the builder that built")
  func verification() async throws {
    try await Farm.with { farm in
      try await farm.addJob("one")
      let (first, second) = (try await farm.addBuilder("1"), try await farm.addBuilder("2"))
      for builder in [first, second] { try await farm.tellMemory(8 << 30, of: builder) }
      let job = try #require(try await farm.claim(first))
      _ = try await farm.publish(job, builder: first, verify: true)
      #expect(try await why(farm) == "next for its target")
      _ = try await farm.database.setBuilderState(String(second), to: .disabled)
      #expect(
        try await why(farm)
          == "waits for a builder other than builder 1, which built what is to be compared")
    }
  }

  @Test("a target's limit that is reached is told")
  func limit() async throws {
    try await Farm.with { farm in
      let builder = try await farm.addBuilder()
      try await farm.tellMemory(8 << 30, of: builder)
      for crate in ["one", "two"] { try await farm.addJob(crate) }
      #expect(try await farm.claim(builder) != nil)
      #expect(try await why(farm, limits: [Farm.triple: 2]) == "next for its target")
      #expect(
        try await why(farm, limits: [Farm.triple: 1])
          == "next for its target; no more than 1 run at once (`concurrent`)")
    }
  }
}
