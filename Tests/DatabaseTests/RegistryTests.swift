import Database
import ExecutorKit
import FarmModel
import Postgres
import Testing

@Suite("What the registry sync tells the database")
struct RegistryTests {
  @Test("new, unchanged and changed versions are told apart")
  func changes() async throws {
    try await Farm.with { farm in
      func ingest(_ record: RegistryRecord) async throws -> IngestedVersion? {
        try await farm.database.ingest([Farm.registry, record]).first
      }
      #expect(try await ingest(Farm.version("hexyl"))?.change == .added)
      #expect(try await ingest(Farm.version("hexyl"))?.change == .unchanged)
      #expect(try await ingest(Farm.version("hexyl", yanked: true))?.change == .changed)
      let plain = try await ingest(Farm.version("hexyl", yanked: true, binaries: nil))
      #expect(plain?.change == .unchanged, "what was found in the .crate is not forgotten")
      #expect(plain?.hasBinaries == true)
    }
  }

  @Test("a yank cancels the waiting job and asks for the end of the running one; unyank revives")
  func yank() async throws {
    try await Farm.with { farm in
      try await farm.addJob("waiting")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      _ = try await farm.database.ingest([Farm.registry, Farm.version("waiting", yanked: true)])
      let held = try await farm.database.renew(builder: builder, attempts: [(job.id, 1)])
      #expect(held.map(\.cancelRequested) == [true])
      let state = try await farm.database.fail(
        builder: builder, job: job.id, attempt: 1, failure: .init(.cancelled, "asked to"))
      #expect(state == .cancelled)
      _ = try await farm.database.ingest([Farm.registry, Farm.version("waiting")])
      #expect(try await farm.database.job(job.id)?.state == .pending)
      _ = try await farm.database.ingest([Farm.registry, Farm.version("waiting", yanked: true)])
      #expect(try await farm.database.job(job.id)?.state == .cancelled)
    }
  }

  @Test("records are kept all together or not at all")
  func atomic() async throws {
    try await Farm.with { farm in
      await #expect(throws: RegistryError.nameTaken("rip_grep")) {
        try await farm.database.ingest([
          Farm.registry, Farm.version("rip-grep"), Farm.version("rip_grep"),
        ])
      }
      let kept = try await farm.database.crate(named: "rip-grep")
      #expect(kept == nil)
      await #expect(throws: RegistryError.versionBeforeRegistry) {
        try await farm.database.ingest([Farm.version("hexyl")])
      }
    }
  }

  @Test("a changed plan rebuilds a published job and leaves what is published in place")
  func rebuild() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl", digest: "1")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      _ = try await farm.publish(job, builder: builder)
      try await farm.addJob("hexyl", digest: "1")
      #expect(try await farm.database.job(job.id)?.state == .succeeded)
      try await farm.addJob("hexyl", digest: "2")
      let waiting = try #require(try await farm.database.job(job.id))
      #expect(waiting.state == .pending)
      #expect(waiting.jobClass == .rebuild)
      #expect(waiting.buildID != nil)
      let again = try #require(try await farm.claim(builder))
      guard case .published(_, revision: 2) = try await farm.publish(again, builder: builder) else {
        Issue.record("the rebuild is no second revision")
        return
      }
    }
  }

  @Test("a crate is found whatever the case, and by - for _")
  func names() async throws {
    try await Farm.with { farm in
      _ = try await farm.database.ingest([Farm.registry, Farm.version("Rip_Grep")])
      #expect(try await farm.database.crate(named: "rip-grep")?.name == "Rip_Grep")
      let found = try await farm.database.searchCrates(
        text: "grep", target: nil, after: "", limit: 10)
      #expect(found.map(\.name) == ["Rip_Grep"])
    }
  }
}
