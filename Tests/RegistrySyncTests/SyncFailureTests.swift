import CrateRegistry
import FarmModel
import Foundation
import RegistrySync
import Testing

@Suite("Failures while syncing a registry")
struct SyncFailureTests {
  @Test("a broken index line is reported and stops neither its crate nor the others")
  func brokenLine() async throws {
    let farm = try Farm()
    try farm.publishABC()
    let checksum = try farm.registry.publishProgram("xyz", "2.0.0")
    let name = try #require(CrateName("xyz"))
    farm.registry.publish(
      name, lines: ["{ no JSON", indexLine("xyz", "2.0.0", checksum), #"{"name":"xyz"}"#])
    let report = try await farm.sync("xyz", "abc").syncOnce()
    #expect(report.problems.map(\.crate) == ["xyz", "xyz"])
    #expect(report.problems.map { $0.reason.prefix(13) } == ["index line 1:", "index line 3:"])
    #expect(
      try Set(farm.backend.takeVersions().map { "\($0.crate) \($0.version)" })
        == ["abc 1.0.0", "abc 1.1.0", "xyz 2.0.0"])
  }

  @Test("a crate that the registry lacks, or cannot give now, stops no other")
  func missingCrate() async throws {
    let farm = try Farm()
    try farm.publishABC()
    farm.registry.setStatus("/index/aw/ay/away", 503)
    let report = try await farm.sync("none", "away", "abc").syncOnce()
    #expect(report.crates == 3)
    #expect(farm.backend.versions == ["abc 1.0.0", "abc 1.1.0"])
    #expect(Set(report.problems.map(\.crate)) == ["none", "away"])
  }

  @Test(
    "a bad .crate becomes a problem of its version, once",
    arguments: [
      ("not an archive", "bad 1.0.0: the archive is not a tar compressed by gzip"),
      (nil, "bad 1.0.0: the archive has no Cargo.toml"),
    ])
  func badCrate(text: String?, problem: String) async throws {
    let farm = try Farm()
    let bytes = try text.map { Array($0.utf8) } ?? FakeRegistry.archive(["bad-1.0.0/a": "b"])
    let checksum = farm.registry.publish("bad", "1.0.0", bytes: bytes)
    let name = try #require(CrateName("bad"))
    farm.registry.publish(name, lines: [indexLine("bad", "1.0.0", checksum)])
    let report = try await farm.sync("bad").syncOnce()
    #expect(report.problems.map(\.reason) == [problem])
    #expect(
      try farm.backend.takeVersions().map(\.contents) == [
        nil, CrateContents(binaries: [], hasLockfile: false, problem: problem),
      ])
    // A new version beside it; the old .crate is not asked for again.
    let newer = try farm.registry.publishProgram("bad", "0.9.0")
    farm.registry.publish(
      name, lines: [indexLine("bad", "1.0.0", checksum), indexLine("bad", "0.9.0", newer)])
    _ = farm.registry.takeLog()
    _ = try await farm.sync("bad").syncOnce()
    #expect(farm.backend.versions == ["bad 0.9.0", "bad 1.0.0"])
    #expect(farm.registry.takeLog() == ["GET /index/3/b/bad 200", "GET /index/config.json 200"])
  }

  @Test("a .crate that is not what the index promised is told to the backend, with both checksums")
  func wrongChecksum() async throws {
    let farm = try Farm()
    let found = try farm.registry.publishProgram("bad", "1.0.0")
    let expected = String(repeating: "0", count: 64)
    let name = try #require(CrateName("bad"))
    farm.registry.publish(name, lines: [indexLine("bad", "1.0.0", expected)])
    #expect(try await farm.sync("bad").syncOnce().looked == 0)
    let failure = try #require(farm.backend.read(\.failures).first)
    #expect(failure.isRefusal && failure.look.version == Semver("1.0.0"))
    #expect(failure.reason.contains(expected))
    #expect(failure.reason.contains(found))
    #expect(
      try FileManager.default.contentsOfDirectory(
        atPath: farm.folder + "/registry-sync/downloads"
      ).isEmpty)
  }

  @Test(
    "a .crate that cannot be had now is looked into when the backend asks again",
    arguments: [(503, false), (404, true)])
  func crateAway(status: Int, isRefusal: Bool) async throws {
    let farm = try Farm()
    try farm.publishABC()
    farm.registry.setStatus("/crates/abc/1.1.0/download", status)
    let report = try await farm.sync("abc").syncOnce()
    #expect(report.sent == 2)
    #expect(report.problems.map { $0.reason.hasSuffix("unexpected status \(status)") } == [true])
    #expect(try farm.backend.takeVersions().map(\.contents) == [nil, nil])
    #expect(farm.backend.read(\.failures).map(\.isRefusal) == [isRefusal])
    #expect(try await farm.sync("abc").syncOnce().sent == 0)
    farm.registry.setStatus("/crates/abc/1.1.0/download", nil)
    farm.backend.change { $0.failures = [] }
    #expect(try await farm.sync("abc").syncOnce().sent == 1)
    #expect(try farm.backend.takeVersions().map { $0.contents?.binaries.count } == [1])
  }

  @Test("while the backend is away nothing is lost")
  func backendAway() async throws {
    let farm = try Farm()
    try farm.publishABC()
    farm.backend.answer(with: 503)
    let error = await #expect(throws: SyncError.self) {
      try await farm.sync("abc", attempts: 3).syncOnce()
    }
    #expect(
      error
        == .backendAway(
          url: farm.backend.url + "/api/v1/registry/versions",
          reason: "status 503, as the test wants"))
    #expect(farm.backend.requests == 3)
    farm.backend.answer(with: 200)
    _ = try await farm.sync("abc").syncOnce()
    #expect(farm.backend.versions == ["abc 1.0.0", "abc 1.1.0"])
  }

  @Test("a backend that does not listen is away")
  func nobodyListens() async throws {
    let farm = try Farm()
    try farm.publishABC()
    let error = await #expect(throws: SyncError.self) {
      try await farm.sync("abc", backendURL: "http://127.0.0.1:1").syncOnce()
    }
    guard case .backendAway = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("killed between the post and the saving: the same bytes are sent again")
  func killedBeforeSaving() async throws {
    let farm = try Farm()
    try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    let before = try Data(contentsOf: URL(filePath: farm.cratesPath))
    _ = farm.backend.takeBodies()
    try farm.publishABC(yanked: ["1.0.0"])
    _ = try await farm.sync("abc").syncOnce()
    let first = farm.backend.takeBodies()
    try before.write(to: URL(filePath: farm.cratesPath))
    _ = try await farm.sync("abc").syncOnce()
    #expect(farm.backend.takeBodies() == first)
  }

  @Test("a wrong token is an error that names the setting, and is not tried again")
  func wrongToken() async throws {
    let farm = try Farm()
    try farm.publishABC()
    let error = await #expect(throws: SyncError.self) {
      try await farm.sync("abc", token: "wrong", attempts: 3).syncOnce()
    }
    #expect(error?.isFatal == true)
    #expect(error?.description.contains("registry-token-file") == true)
    #expect(farm.backend.requests == 0)
  }

  @Test("lines that the backend refuses are an error with its words")
  func rejected() async throws {
    let farm = try Farm()
    try farm.publishABC()
    farm.backend.answer(with: 422)
    await #expect(
      throws: SyncError.rejected(
        url: farm.backend.url + "/api/v1/registry/versions", status: 422,
        detail: "as the test wants")
    ) { try await farm.sync("abc").syncOnce() }
  }

  @Test("a crate that the backend refuses holds up no other, and is tried again")
  func oneRefused() async throws {
    let farm = try Farm()
    try farm.publishABC()
    let checksum = try farm.registry.publishProgram("xyz", "2.0.0")
    let name = try #require(CrateName("xyz"))
    farm.registry.publish(name, lines: [indexLine("xyz", "2.0.0", checksum)])
    farm.backend.refuse("xyz")
    let report = try await farm.sync("xyz", "abc").syncOnce()
    #expect(farm.backend.versions == ["abc 1.0.0", "abc 1.1.0"])
    #expect(report.problems.map(\.crate) == ["xyz"])
    #expect(report.problems.first?.reason.hasSuffix("(status 422): the name is taken") == true)
    farm.backend.refuse("nothing")
    _ = try await farm.sync("xyz", "abc").syncOnce()
    #expect(farm.backend.versions == ["abc 1.0.0", "abc 1.1.0", "xyz 2.0.0"])
  }

  @Test(
    "a damaged state file, or one of another format, is only a reason to send everything again",
    arguments: ["{", #"{"format":1,"crates":{}}"#, #"{"format":2}"#])
  func damagedState(text: String) async throws {
    let farm = try Farm()
    try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    try Data(text.utf8).write(to: URL(filePath: farm.statePath))
    #expect(try await farm.sync("abc").syncOnce().sent == 2)
  }

  @Test("an index that is away or no sparse index is an error")
  func registryAway() async throws {
    let farm = try Farm()
    farm.registry.setStatus("/index/config.json", 500)
    let error = await #expect(throws: SyncError.self) { try await farm.sync("abc").syncOnce() }
    #expect(error?.isFatal == false)
    let bad = RegistrySync(
      configuration: SyncConfiguration(
        registryURL: "https://x", backendURL: "http://127.0.0.1:1", token: nil,
        stateDirectory: farm.folder, crates: [try #require(CrateName("a"))]),
      client: farm.client, logger: farm.logger)
    await #expect(throws: SyncError.registry(.badIndexURL("https://x"))) {
      try await bad.syncOnce()
    }
  }

  @Test("when crate after crate cannot be had, the registry is away")
  func manyFailures() async throws {
    let farm = try Farm()
    let names = (0..<60).map { "crate\($0)" }
    for name in names {
      farm.registry.setStatus("/index/cr/at/\(name)", 500)
    }
    let sync = try farm.sync(of: names)
    let error = await #expect(throws: SyncError.self) { try await sync.syncOnce() }
    guard case .registry(.status(_, 500)) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(farm.registry.takeLog().count <= 1 + 20 + 32)
  }

  @Test(
    "a registry that gives no .crate is not asked for all of them; the next sync begins with others",
    arguments: [(503, 20...60), (403, 100...140)])
  func noCrates(status: Int, asked: ClosedRange<Int>) async throws {
    let farm = try Farm()
    let names = (0..<300).map { "crate\($0)" }
    // Each has its own checksum, by which the backend knows it.
    for (number, name) in names.enumerated() {
      let sum = String(repeating: "0", count: 61) + String(1000 + number).suffix(3)
      farm.registry.publish(
        try #require(CrateName(name)), lines: [indexLine(name, "1.0.0", sum)])
      farm.registry.setStatus("/crates/\(name)/1.0.0/download", status)
    }
    let sync = try farm.sync(of: names)
    let error = await #expect(throws: SyncError.self) { try await sync.syncOnce() }
    guard case .registry(.status(_, status)) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    let failed = Set(farm.backend.read(\.failures).map(\.look.crate))
    #expect(asked.contains(failed.count))
    #expect(farm.registry.takeLog().count { $0.hasPrefix("GET /crates/") } <= asked.upperBound)
    // The next sync begins with others.
    _ = try? await sync.syncOnce()
    let all = farm.backend.read(\.failures).map(\.look.crate)
    #expect(all.count > failed.count && Set(all).count == all.count)
    #expect(farm.backend.versions.count == 300)
  }

  @Test("the service syncs, goes on, and ends when it is stopped")
  func service() async throws {
    let farm = try Farm()
    try farm.publishABC()
    let sync = try farm.sync("abc")
    let running = Task { try await sync.run() }
    for await _ in farm.backend.taken { break }
    running.cancel()
    try await running.value
    #expect(farm.backend.versions.count == 2)
  }

  @Test("a backend without the routes that the sync needs is told to be older")
  func oldBackend() async throws {
    let farm = try Farm()
    farm.backend.change { $0.isOld = true }
    await #expect(throws: SyncError.oldBackend(url: farm.backend.url + "/api/v1/registry/lease")) {
      try await farm.sync("abc").syncOnce()
    }
  }

  @Test(
    "a backend that keeps no failures of looks is told so once, and the sync goes on",
    arguments: [404, 405])
  func failuresNotKept(status: Int) async throws {
    let farm = try Farm()
    farm.backend.change { $0.failuresStatus = status }
    let names = (0..<250).map { "crate\($0)" }
    for name in names.compactMap({ CrateName($0) }) {
      // Every second one has no file.
      let checksum =
        Int(name.text.dropFirst(5))?.isMultiple(of: 2) == true
        ? try farm.registry.publishProgram(name.text, "1.0.0")
        : String(repeating: "a", count: 64)
      farm.registry.publish(name, lines: [indexLine(name.text, "1.0.0", checksum)])
    }
    let report = try await farm.sync(of: names).syncOnce()
    #expect(report.looked == 125 && report.problemCount == 125)
    #expect(farm.backend.read(\.failuresRefused) == 1)
    #expect(farm.backend.read(\.contents.count) == 125)
  }
}
