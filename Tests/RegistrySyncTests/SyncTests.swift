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
    #expect(report.sent == 2)
    #expect(report.receipt == RegistryReceipt(added: 2, changed: 0, unchanged: 0, jobs: 1))
    #expect(report.problems.isEmpty)
    let records = try farm.backend.takeRecords()
    let registry = RegistryDescription(
      indexURL: farm.registry.indexURL, downloadTemplate: farm.registry.downloadTemplate)
    #expect(records.first == .registry(registry))
    guard case .version(let old) = records[1], case .version(let new) = records[2] else {
      Issue.record("no version lines")
      return
    }
    #expect(old.contents == nil)
    #expect(
      new.contents
        == CrateContents(binaries: [.init(name: "abc")], hasLockfile: false, description: "A test"))
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
    #expect(farm.backend.requests == 1)
  }

  @Test("a yank sends one line, and so does taking it back")
  func yank() async throws {
    let farm = try Farm()
    try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    _ = farm.backend.takeBodies()
    try farm.publishABC(yanked: ["1.0.0"])
    _ = try await farm.sync("abc").syncOnce()
    let yanked = try farm.backend.takeVersions()
    #expect(yanked.map(\.version.description) == ["1.0.0"])
    #expect(yanked.map(\.yanked) == [true])
    try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    #expect(try farm.backend.takeVersions().map(\.yanked) == [false])
  }

  @Test("when the newest version is yanked, the one before it is looked into")
  func yankOfNewest() async throws {
    let farm = try Farm()
    try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    _ = farm.backend.takeBodies()
    try farm.publishABC(yanked: ["1.1.0"])
    _ = farm.registry.takeLog()
    _ = try await farm.sync("abc").syncOnce()
    let versions = try farm.backend.takeVersions()
    #expect(versions.map(\.version.description) == ["1.0.0", "1.1.0"])
    #expect(versions.allSatisfy { $0.contents?.binaries.map(\.name) == ["abc"] })
    #expect(farm.registry.takeLog().contains("GET /crates/abc/1.0.0/download 200"))
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

  @Test("many versions come in bodies of at most 1,000 lines, each with the registry's first")
  func batches() async throws {
    let farm = try Farm()
    let checksum = try farm.registry.publishProgram("big", "0.0.2499")
    let name = try #require(CrateName("big"))
    farm.registry.publish(name, lines: (0..<2500).map { indexLine("big", "0.0.\($0)", checksum) })
    let report = try await farm.sync("big").syncOnce()
    #expect(report.sent == 2500)
    let bodies = farm.backend.takeBodies()
    #expect(bodies.map { body in body.count { $0 == 10 } } == [1000, 1000, 503])
    #expect(bodies.allSatisfy { $0.starts(with: Array(#"{"download_template""#.utf8)) })
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
    #expect(report.sent == 2)
    #expect(report.problems.map(\.crate) == ["no name"])
  }
}
