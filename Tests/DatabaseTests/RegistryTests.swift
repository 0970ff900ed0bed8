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
      func ingest(_ record: RegistryRecord) async throws -> [Int] {
        let outcome = try await farm.database.ingest([Farm.registry, record])
        return [outcome.added, outcome.changed, outcome.unchanged]
      }
      #expect(try await ingest(Farm.version("hexyl")) == [1, 0, 0])
      #expect(try await ingest(Farm.version("hexyl")) == [0, 0, 1])
      #expect(try await ingest(Farm.version("hexyl", yanked: true)) == [0, 1, 0])
      let plain = try await ingest(Farm.version("hexyl", yanked: true, binaries: nil))
      #expect(plain == [0, 0, 1], "what was found in the .crate is not forgotten")
      #expect(try await ingest(Farm.version("hexyl", yanked: true, binaries: ["x"])) == [0, 1, 0])
      #expect(try await ingest(Farm.crate("hexyl", [])) == [0, 1, 0])
      #expect(try await ingest(Farm.crate("hexyl", [])) == [0, 0, 0])
      #expect(try await ingest(Farm.crate("unknown", ["1.0.0"], downloads: 3)) == [0, 0, 0])
      let unknown = try await farm.database.crate(named: "unknown")
      #expect(unknown == nil, "a crate without versions is nobody's concern")
    }
  }

  @Test("of several lines of a version the last one holds, with what only those before it tell")
  func repeated() async throws {
    try await Farm.with { farm in
      let outcome = try await farm.database.ingest([
        Farm.registry, Farm.version("hexyl"), Farm.version("other", binaries: nil, checksum: "b"),
        Farm.version("hexyl", yanked: true, binaries: nil),
      ])
      #expect(outcome == IngestOutcome(added: 2, changed: 0, unchanged: 1))
      let crate = try #require(try await farm.database.crate(named: "hexyl"))
      let version = try #require(try await farm.database.versions(ofCrate: crate.id).first)
      #expect(version.yanked && version.hasBinaries == true)
    }
  }

  @Test("a large body between small ones")
  func large() async throws {
    try await Farm.with { farm in
      func body(_ numbers: Range<Int>) throws -> [RegistryRecord] {
        try [Farm.registry] + numbers.map { try Farm.version("crate\($0)", binaries: nil) }
      }
      for (numbers, added) in [(0..<1, 1), (0..<1000, 999), (1000..<1001, 1), (0..<1001, 0)] {
        let outcome = try await farm.database.ingest(try body(numbers))
        #expect(
          outcome
            == IngestOutcome(added: added, changed: 0, unchanged: numbers.count - added))
      }
      #expect(try await farm.database.looks(limit: 2000, depth: .newest).count == 1001)
    }
  }

  @Test("what the index no longer lists is marked and not built; listed again, it is as before")
  func deleted() async throws {
    try await Farm.with { farm in
      try await farm.addJob("gone")
      let job = try #require(try await farm.database.queuedJobs(limit: 1).first)
      _ = try await farm.database.ingest([Farm.registry, Farm.crate("gone", ["2.0.0"])])
      #expect(try await farm.database.job(job)?.state == .cancelled)
      let crate = try #require(try await farm.database.crate(named: "gone"))
      #expect(try await farm.database.versions(ofCrate: crate.id).map(\.isDeleted) == [true])
      #expect(try await farm.database.plannableVersions(after: 0, limit: 9).isEmpty)
      let id = try await farm.versionID("gone")
      let wanted = WantedJob(
        versionID: id, target: "other", jobClass: .new, group: "gone", plan: Farm.plan("gone"),
        planDigest: String(repeating: "c", count: 64))
      #expect(try await farm.database.want([wanted]) == 0, "nothing is made of it any more")
      _ = try await farm.database.ingest([Farm.registry, Farm.version("gone", binaries: nil)])
      #expect(try await farm.database.job(job)?.state == .pending)
      #expect(try await farm.database.want([wanted]) == 1)
    }
  }

  @Test("what an operator has cancelled stays so when its version is yanked and unyanked")
  func operatorsWord() async throws {
    try await Farm.with { farm in
      for name in ["waiting", "running", "late"] { try await farm.addJob(name) }
      let jobs = try await farm.database.pool.query("SELECT id FROM jobs ORDER BY id").map {
        Int64(try $0.int("id"))
      }
      let builder = try await farm.addBuilder()
      func turn(yanked: Bool) async throws {
        for name in ["waiting", "running", "late"] {
          _ = try await farm.database.ingest([Farm.registry, Farm.version(name, yanked: yanked)])
        }
      }
      _ = try await farm.database.cancel(job: jobs[0])
      var claimed: [Int64] = []
      for _ in 0..<2 { claimed.append(try #require(try await farm.claim(builder)).id) }
      #expect(Set(claimed) == Set(jobs[1...]))
      _ = try await farm.database.cancel(job: jobs[1])
      try await turn(yanked: true)
      // After the registry, the operator wants the end of this one, too.
      _ = try await farm.database.cancel(job: jobs[2])
      try await turn(yanked: false)
      let held = try await farm.database.renew(
        builder: builder, attempts: [(jobs[1], 1), (jobs[2], 1)])
      #expect(held.map(\.cancelRequested) == [true, true])
      for job in jobs[1...] {
        let state = try await farm.database.fail(
          builder: builder, job: job, attempt: 1, failure: .init(.cancelled, "asked to"))
        #expect(state == .cancelled)
      }
      try await turn(yanked: true)
      try await turn(yanked: false)
      for job in jobs { #expect(try await farm.database.job(job)?.state == .cancelled) }
      #expect(try await farm.database.retry(job: jobs[0])?.state == .pending)
      // Now it is the registry's to take out and to bring back again.
      try await turn(yanked: true)
      #expect(try await farm.database.job(jobs[0])?.state == .cancelled)
      try await turn(yanked: false)
      #expect(try await farm.database.job(jobs[0])?.state == .pending)
    }
  }

  @Test("a job of a yanked version is neither retried nor rebuilt, and the reason is told")
  func notOffered() async throws {
    try await Farm.with { farm in
      try await farm.addJob("tool")
      let job = try #require(try await farm.claim(try await farm.addBuilder())).id
      _ = try await farm.database.ingest([Farm.registry, Farm.version("tool", yanked: true)])
      let yanked = VersionNotOffered(crate: "tool", version: "1.0.0", isYanked: true)
      await #expect(throws: yanked) { try await farm.database.retry(job: job) }
      await #expect(throws: yanked) { try await farm.database.rebuild(job: job) }
      #expect(yanked.description.contains("tool 1.0.0 is yanked"))
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
      await #expect(throws: RegistryError.nameTaken("rip_grep", line: 3)) {
        try await farm.database.ingest([
          Farm.registry, Farm.version("rip-grep"), Farm.version("rip_grep"),
        ])
      }
      let kept = try await farm.database.crate(named: "rip-grep")
      #expect(kept == nil)
      await #expect(throws: RegistryError.versionBeforeRegistry(line: 1)) {
        try await farm.database.ingest([Farm.version("hexyl")])
      }
      _ = try await farm.database.ingest([Farm.registry, Farm.version("rip-grep")])
      await #expect(throws: RegistryError.nameTaken("Rip_grep", line: 3)) {
        try await farm.database.ingest([
          Farm.registry, Farm.version("new"), Farm.version("Rip_grep"),
        ])
      }
      #expect(try await farm.database.crate(named: "new") == nil)
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
