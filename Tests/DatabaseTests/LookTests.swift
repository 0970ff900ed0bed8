import Blocking
import Database
import FarmModel
import Postgres
import Testing

@Suite("What is to be looked into, and planned")
struct LookTests {
  private func looks(_ farm: Farm, _ depth: LookDepth = .older) async throws -> [String] {
    try await farm.database.looks(limit: 100, depth: depth).map { "\($0.crate) \($0.version)" }
  }

  /// Takes what is noted to be planned.
  private func planned(_ farm: Farm) async throws -> [String] {
    let seen = Recorder()
    _ = try await farm.database.planNoted(limit: 100) { version in
      seen.note(
        "\(version.crate) \(version.version)\(version.isNewest ? " newest" : "")"
          + version.wishes.map { " \($0)" }.joined())
      return []
    }
    return seen.all
  }

  @Test("the newest of each crate first, the older ones where that has a binary")
  func order() async throws {
    try await Farm.with { farm in
      _ = try await farm.database.ingest([
        Farm.registry,
        Farm.version("tool", "1.0.0", binaries: nil, checksum: "1"),
        Farm.version("tool", "1.10.0", binaries: nil, checksum: "2"),
        Farm.version("tool", "1.9.0", binaries: nil, checksum: "3"),
        Farm.version("tool", "2.0.0-rc.1", binaries: nil, checksum: "4"),
        Farm.version("tool", "2.0.0", yanked: true, binaries: nil, checksum: "5"),
        Farm.version("library", "0.1.0", binaries: nil, checksum: "6"),
        Farm.version("library", "0.2.0", binaries: nil, checksum: "7"),
      ])
      #expect(try await looks(farm) == ["tool 1.10.0", "library 0.2.0"])
      #expect(try await looks(farm, .asked).isEmpty)
      _ = try await farm.database.ingest([
        Farm.registry, Farm.version("tool", "1.10.0", checksum: "2"),
        Farm.version("library", "0.2.0", binaries: [], checksum: "7"),
      ])
      #expect(try await looks(farm, .newest).isEmpty)
      #expect(try await Set(looks(farm)) == ["tool 1.0.0", "tool 1.9.0", "tool 2.0.0-rc.1"])
      #expect(try await planned(farm) == ["tool 1.10.0 newest"])
      #expect(try await planned(farm).isEmpty)
      // A newer one takes the place of the newest, until it is yanked.
      _ = try await farm.database.ingest([
        Farm.registry, Farm.version("tool", "3.0.0", binaries: nil, checksum: "8"),
      ])
      #expect(try await looks(farm) == ["tool 3.0.0"])
      _ = try await farm.database.ingest([
        Farm.registry, Farm.version("tool", "3.0.0", yanked: true, binaries: nil, checksum: "8"),
      ])
      #expect(try await looks(farm).count == 3)
    }
  }

  @Test("what a .crate holds is known for ever, by its checksum")
  func byChecksum() async throws {
    try await Farm.with { farm in
      _ = try await farm.database.ingest([Farm.registry, Farm.version("tool", checksum: "1")])
      _ = try await farm.database.ingest([
        Farm.registry, Farm.version("tool", binaries: nil, checksum: "2"),
      ])
      #expect(try await looks(farm) == ["tool 1.0.0"], "other bytes are to be looked into")
      _ = try await farm.database.ingest([
        Farm.registry, Farm.version("tool", binaries: nil, checksum: "1"),
        Farm.version("again", binaries: nil, checksum: "1"),
      ])
      #expect(try await looks(farm).isEmpty)
      #expect(try await planned(farm).sorted() == ["again 1.0.0 newest", "tool 1.0.0 newest"])
    }
  }

  @Test("a version that is being built when its plan changes is planned again after that")
  func changedWhileBuilt() async throws {
    try await Farm.with { farm in
      try await farm.addJob("tool", digest: "1")
      _ = try await planned(farm)
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      let id = try await farm.versionID("tool")
      @Sendable func wanted(_ digest: String) -> [WantedJob] {
        [
          WantedJob(
            versionID: id, target: Farm.triple, jobClass: .new, group: "tool",
            plan: Farm.plan("tool"), planDigest: String(repeating: digest, count: 64))
        ]
      }
      #expect(try await farm.database.want(wanted("1")) == 0)
      #expect(try await planned(farm).isEmpty)
      #expect(try await farm.database.want(wanted("2")) == 0)
      #expect(try await farm.database.outdatedVersions(limit: 9).isEmpty, "it is being built")
      _ = try await farm.publish(job, builder: builder)
      #expect(try await farm.database.outdatedVersions(limit: 9) == [id])
      let revision = try await farm.database.installRecipes(
        digest: String(repeating: "0", count: 64), files: [:]
      ).revision
      var edits = JobEdits()
      edits.planned = [(job.id, wanted("2")[0])]
      try await farm.database.edit(edits, revision: revision, settled: [id])
      #expect(try await farm.database.job(job.id)?.state == .pending)
      #expect(try await farm.database.outdatedVersions(limit: 9).isEmpty)
    }
  }

  @Test("a repository of any length is a group of jobs")
  func longRepository() async throws {
    try await Farm.with { farm in
      var letters = SystemRandomNumberGenerator()
      // Too long for an index, however well it is compressed.
      let repository = String(
        (0..<20_000).map { _ in
          Character(["a", "b", "\u{e9}"].randomElement(using: &letters) ?? "a")
        })
      guard case .version(var version) = try Farm.version("tool") else { return }
      version.contents?.repository = repository
      _ = try await farm.database.ingest([Farm.registry, .version(version)])
      let step = try await farm.database.planNoted(limit: 9) { version in
        [
          WantedJob(
            versionID: version.id, target: Farm.triple, jobClass: .new, group: version.group,
            plan: Farm.plan("tool"), planDigest: String(repeating: "b", count: 64))
        ]
      }
      #expect(step.versions == 1 && step.jobs == 1)
      let id = try await farm.versionID("tool")
      #expect(try await farm.database.request(version: id, target: Farm.triple) != nil)
      let crate = try #require(try await farm.database.crate(named: "tool"))
      #expect(crate.group == String(repository.unicodeScalars.prefix(500).map(Character.init)))
    }
  }

  @Test("when the newest is yanked or deleted, the one before it is planned")
  func newestGoes() async throws {
    try await Farm.with { farm in
      _ = try await farm.database.ingest([
        Farm.registry, Farm.version("tool", "1.0.0", checksum: "1"),
        Farm.version("tool", "2.0.0", checksum: "2"), Farm.version("tool", "3.0.0", checksum: "3"),
      ])
      #expect(
        try await planned(farm) == ["tool 1.0.0", "tool 2.0.0", "tool 3.0.0 newest"])
      _ = try await farm.database.ingest([
        Farm.registry, Farm.version("tool", "3.0.0", yanked: true, checksum: "3"),
      ])
      #expect(try await planned(farm) == ["tool 2.0.0 newest"])
      _ = try await farm.database.ingest([
        Farm.registry, Farm.crate("tool", ["1.0.0", "3.0.0"]),
      ])
      #expect(try await planned(farm) == ["tool 1.0.0 newest"])
    }
  }

  @Test("what somebody asked for is looked into first, and planned as asked for")
  func wish() async throws {
    try await Farm.with { farm in
      _ = try await farm.database.ingest([
        Farm.registry, Farm.version("first", binaries: nil, checksum: "1"),
        Farm.version("old", "1.0.0", binaries: nil, checksum: "2"),
        Farm.version("old", "2.0.0", binaries: nil, checksum: "3"),
        Farm.version("library", "1.0.0", binaries: nil, checksum: "4"),
      ])
      let old = try await farm.versionID("old")
      #expect(try await farm.database.wish(version: old, target: Farm.triple))
      #expect(try await farm.database.wish(version: old, target: Farm.triple))
      let library = try await farm.versionID("library")
      #expect(try await farm.database.wish(version: library, target: Farm.triple))
      #expect(try await looks(farm, .asked) == ["old 1.0.0", "library 1.0.0"])
      #expect(try await farm.database.wishes(ofVersion: old) == [Farm.triple])
      _ = try await farm.database.ingest([
        Farm.registry, Farm.version("old", "1.0.0", checksum: "2"),
        Farm.version("library", binaries: [], checksum: "4"),
      ])
      #expect(try await planned(farm) == ["old 1.0.0 newest \(Farm.triple)"])
      for id in [old, library] {
        #expect(try await farm.database.wishes(ofVersion: id).isEmpty)
        #expect(try await !farm.database.wish(version: id, target: Farm.triple))
      }
    }
  }

  @Test("what cannot be fetched is tried later and later, and others go first")
  func failures() async throws {
    try await Farm.with { farm in
      _ = try await farm.database.ingest([
        Farm.registry, Farm.version("bad", binaries: nil, checksum: "1"),
        Farm.version("good", binaries: nil, checksum: "2"),
      ])
      let bad = try await farm.versionID("bad")
      func fail(_ checksum: Character = "1", isRefusal: Bool, fence: Int64? = nil) async throws {
        let look = RegistryLooks.Version(
          crate: try #require(CrateName("bad")), version: try #require(Semver("1.0.0")),
          checksum: String(repeating: checksum, count: 64))
        try await farm.database.lookFailed(
          [.init(look, reason: "status\0 404", isRefusal: isRefusal)], fence: fence)
      }
      func trouble() async throws -> LookTrouble? {
        try await farm.database.lookTrouble(ofVersion: bad)
      }
      func letTimePass() async throws {
        try await farm.database.pool.query(
          "UPDATE looks SET not_before = clock_timestamp() WHERE not_before IS NOT NULL")
      }
      #expect(try await looks(farm) == ["bad 1.0.0", "good 1.0.0"])
      #expect(try await trouble() == nil)
      // Nothing is known of other bytes.
      try await fail("9", isRefusal: true)
      #expect(try await trouble() == nil)
      var waits: [Int] = []
      for _ in 1..<LookTrouble.most {
        try await fail(isRefusal: true)
        #expect(try await looks(farm) == ["good 1.0.0"])
        let told = try #require(try await trouble())
        // The same told again changes nothing.
        try await fail(isRefusal: true)
        #expect(try await trouble()?.failures == told.failures)
        waits.append(Int((try #require(told.retryInSeconds) / 60).rounded(.up)))
        try await letTimePass()
        #expect(try await looks(farm) == ["bad 1.0.0", "good 1.0.0"])
      }
      #expect(waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1440, 1440])
      // A registry that is away is never given up.
      try await fail(isRefusal: false)
      #expect(try await trouble()?.retryInSeconds != nil)
      try await letTimePass()
      #expect(try await farm.database.wish(version: bad, target: Farm.triple))
      try await fail(isRefusal: true)
      let end = try #require(try await trouble())
      #expect(end.failures == 15 && end.retryInSeconds == nil && end.reason.hasSuffix("404"))
      #expect(try await farm.database.wishes(ofVersion: bad).isEmpty)
      try await letTimePass()
      #expect(try await looks(farm) == ["good 1.0.0"])
      // Somebody asks: one more try, and no more.
      #expect(try await farm.database.wish(version: bad, target: Farm.triple))
      #expect(try await looks(farm) == ["bad 1.0.0", "good 1.0.0"])
      try await fail(isRefusal: true)
      #expect(try await looks(farm) == ["good 1.0.0"])
      #expect(try await trouble()?.retryInSeconds == nil)
      // The index says something new of it.
      _ = try await farm.database.ingest([
        Farm.registry, Farm.version("bad", binaries: nil, checksum: "3"),
      ])
      #expect(try await looks(farm) == ["bad 1.0.0", "good 1.0.0"])
      #expect(try await trouble() == nil)
      await #expect(throws: RegistryError.staleFence(7)) {
        try await fail("3", isRefusal: true, fence: 7)
      }
      try await fail("3", isRefusal: true)
      // What was looked into after all leaves nothing behind.
      _ = try await farm.database.ingest([Farm.registry, Farm.version("bad", checksum: "3")])
      #expect(try await trouble() == nil)
    }
  }

  @Test("popular crates are looked into first; bands follow the registry, then the farm's own uses")
  func popularity() async throws {
    try await Farm.with { farm in
      let names = (0..<10).map { "crate\($0)" }
      _ = try await farm.database.ingest(
        [Farm.registry]
          + names.enumerated().map {
            try Farm.version($1, binaries: nil, checksum: Character("\($0)"))
          })
      func bands() async throws -> [Int] {
        try await farm.database.pool.query("SELECT popularity_band FROM crates ORDER BY name")
          .map { try $0.int("popularity_band") }
      }
      #expect(try await farm.database.rankCrates() == 0, "nothing is known of any crate")
      #expect(try await bands() == Array(repeating: 5, count: 10))
      _ = try await farm.database.ingest([
        Farm.registry, Farm.crate("crate3", downloads: 1000), Farm.crate("crate7", downloads: 50),
        Farm.crate("crate8", downloads: 50),
      ])
      let eight = try #require(try await farm.database.crate(named: "crate8"))
      try await farm.database.addUses([eight.id: 2, -1: 5])
      try await farm.database.addUses([:])
      #expect(try await farm.database.rankCrates() == 10)
      #expect(try await bands() == [9, 9, 9, 0, 9, 9, 9, 2, 1, 9])
      #expect(try await farm.database.rankCrates() == 0)
      #expect(
        try await looks(farm).prefix(3) == ["crate3 1.0.0", "crate8 1.0.0", "crate7 1.0.0"])
    }
  }
}

/// Texts in the order in which they were noted.
private final class Recorder: Sendable {
  private let texts = Locked<[String]>([])
  func note(_ text: String) { texts.withLock { $0.append(text) } }
  var all: [String] { texts.withLock { $0 } }
}
