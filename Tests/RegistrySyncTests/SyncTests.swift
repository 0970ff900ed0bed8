import FarmModel
import Foundation
import RegistrySync
import Testing

@Suite("Syncing a registry")
struct SyncTests {
  @Test("the first sync sends every version, and the newest with what is in its .crate")
  func first() async throws {
    let farm = try Farm()
    try farm.publishABC()
    let report = try await farm.sync("abc").syncOnce()
    #expect(report.crates == 1)
    // The newest version is sent again when it was looked into.
    #expect(report.sent == 3)
    #expect(report.looked == 1)
    #expect(report.receipt == RegistryReceipt(added: 3, changed: 0, unchanged: 0, jobs: 2))
    #expect(report.problems.isEmpty)
    let records = try farm.backend.takeRecords()
    let registry = RegistryDescription(
      indexURL: farm.registry.indexURL, downloadTemplate: farm.registry.downloadTemplate)
    let name = try #require(CrateName("abc"))
    let numbers = try ["1.0.0", "1.1.0"].map { try #require(Semver($0)) }
    #expect(records[0] == .registry(registry))
    #expect(records[3] == .crate(RegistryCrate(crate: name, versions: numbers)))
    #expect(records[4] == .registry(registry))
    let versions = records.compactMap { record -> RegistryVersion? in
      guard case .version(let version) = record else { return nil }
      return version
    }
    #expect(versions.map(\.version) == numbers + [numbers[1]])
    let contents = CrateContents(
      binaries: [.init(name: "abc")], hasLockfile: false, description: "A test")
    #expect(versions.map(\.contents) == [nil, nil, contents])
  }

  @Test("a second sync costs one 304 a crate and sends nothing")
  func second() async throws {
    let farm = try Farm()
    try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    _ = farm.registry.takeLog()
    _ = farm.backend.takeBodies()
    let report = try await farm.sync("abc").syncOnce()
    #expect(report.unchanged == 1)
    #expect(report.sent == 0)
    #expect(farm.registry.takeLog() == ["GET /index/3/a/abc 304", "GET /index/config.json 200"])
    #expect(farm.backend.takeBodies().isEmpty)
  }

  @Test("a yank reaches the backend, and so does taking it back")
  func yank() async throws {
    let farm = try Farm()
    try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    try farm.publishABC(yanked: ["1.0.0"])
    _ = try await farm.sync("abc").syncOnce()
    #expect(farm.backend.versions == ["abc 1.0.0 yanked", "abc 1.1.0"])
    try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    #expect(farm.backend.versions == ["abc 1.0.0", "abc 1.1.0"])
  }

  @Test("when the newest version is yanked, the backend asks for the one before it")
  func yankOfNewest() async throws {
    let farm = try Farm()
    try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    _ = farm.backend.takeBodies()
    try farm.publishABC(yanked: ["1.1.0"])
    _ = farm.registry.takeLog()
    _ = try await farm.sync("abc").syncOnce()
    let looked = try farm.backend.takeVersions().filter { $0.contents != nil }
    #expect(looked.map(\.version.description) == ["1.0.0"])
    #expect(looked.allSatisfy { $0.contents?.binaries.map(\.name) == ["abc"] })
    #expect(farm.registry.takeLog().contains("GET /crates/abc/1.0.0/download 200"))
  }

  @Test("a version that the index has no more is deleted, and so is a crate")
  func deleted() async throws {
    let farm = try Farm()
    let checksum = try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    let name = try #require(CrateName("abc"))
    farm.registry.publish(name, lines: [indexLine("abc", "1.1.0", checksum)])
    _ = try await farm.sync("abc").syncOnce()
    #expect(farm.backend.versions == ["abc 1.1.0"])
    farm.registry.setStatus("/index/3/a/abc", 404)
    let report = try await farm.sync("abc").syncOnce()
    #expect(report.problems.map(\.reason) == ["the registry has no such crate"])
    #expect(farm.backend.versions.isEmpty)
    // Once is enough.
    _ = farm.backend.takeBodies()
    _ = try await farm.sync("abc").syncOnce()
    #expect(farm.backend.takeBodies().isEmpty)
    farm.registry.setStatus("/index/3/a/abc", nil)
    _ = try await farm.sync("abc").syncOnce()
    #expect(farm.backend.versions == ["abc 1.1.0"])
  }

  @Test("a file that has only been touched is not sent again")
  func touched() async throws {
    let farm = try Farm()
    try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    let text = try String(contentsOfFile: farm.cratesPath, encoding: .utf8)
    let fields = text.split(separator: "\t")
    try Data("\(fields[0])\t\(fields[1])\tE\"older\"\n".utf8)
      .write(to: URL(filePath: farm.cratesPath))
    _ = farm.backend.takeBodies()
    _ = farm.registry.takeLog()
    #expect(try await farm.sync("abc").syncOnce().unchanged == 1)
    #expect(farm.registry.takeLog().contains("GET /index/3/a/abc 200"))
    #expect(farm.backend.takeBodies().isEmpty)
    // The new tag is remembered.
    _ = try await farm.sync("abc").syncOnce()
    #expect(farm.registry.takeLog().contains("GET /index/3/a/abc 304"))
  }

  @Test("a changed download template is sent by itself")
  func template() async throws {
    let farm = try Farm()
    try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    _ = farm.backend.takeBodies()
    farm.registry.set("/index/config.json", #"{"dl": "http://other/{crate}-{version}.crate"}"#)
    _ = try await farm.sync("abc").syncOnce()
    let registry = RegistryDescription(
      indexURL: farm.registry.indexURL, downloadTemplate: "http://other/{crate}-{version}.crate")
    #expect(try farm.backend.takeRecords() == [.registry(registry)])
  }

  @Test("another backend is told everything")
  func otherBackend() async throws {
    let farm = try Farm()
    try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    let other = try FakeBackend()
    _ = try await farm.sync("abc", backendURL: other.url).syncOnce()
    #expect(other.versions == ["abc 1.0.0", "abc 1.1.0"])
  }

  @Test("more versions than a body holds come in several, each with the registry's line first")
  func batches() async throws {
    let farm = try Farm()
    farm.backend.change {
      $0.asksForLooks = false
      // While this backend reads a large body, which may take long, it answers nobody.
      $0.leaseSeconds = 600
    }
    let name = try #require(CrateName("big"))
    let checksum = String(repeating: "a", count: 64)
    farm.registry.publish(name, lines: (0..<25_000).map { indexLine("big", "0.0.\($0)", checksum) })
    let report = try await farm.sync("big").syncOnce()
    #expect(report.sent == 25_000)
    let bodies = farm.backend.takeBodies()
    #expect(bodies.map { body in body.count { $0 == 10 } }.sorted() == [5003, 20_000])
    #expect(bodies.allSatisfy { $0.starts(with: Array(#"{"download_template""#.utf8)) })
    #expect(farm.backend.versions.count == 25_000)
  }

  @Test("names come from a file, too, and a new one is found at the next sync")
  func cratesFile() async throws {
    let farm = try Farm()
    try farm.publishABC()
    try FileManager.default.createDirectory(atPath: farm.folder, withIntermediateDirectories: true)
    let path = farm.folder + "/crates"
    var configuration = SyncConfiguration(
      registryURL: farm.registry.indexURL, backendURL: farm.backend.url, token: FakeBackend.token,
      stateDirectory: farm.folder, crates: [], cratesFile: path)
    configuration.concurrency = 2
    let sync = RegistrySync(
      configuration: configuration, client: farm.client, logger: farm.logger)
    try Data("# none yet\n".utf8).write(to: URL(filePath: path))
    await #expect(throws: SyncError.noCrates) { try await sync.syncOnce() }
    try Data("abc # a program\nno name\n".utf8).write(to: URL(filePath: path))
    let report = try await sync.syncOnce()
    #expect(farm.backend.versions.count == 2)
    #expect(report.problems.map(\.crate) == ["no name"])
  }
}
