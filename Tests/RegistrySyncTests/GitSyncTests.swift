import CrateRegistry
import FarmModel
import Foundation
import Logging
import RegistrySync
import SyntheticIndex
import TestSupport
import Testing
import Transfer

@Suite("Syncing a git index", .timeLimit(.minutes(2)))
struct GitSyncTests {
  private let farm: Farm
  private let repository: GitRepository
  private let sum = String(repeating: "a", count: 64)

  init() async throws {
    farm = try Farm()
    farm.backend.change { $0.asksForLooks = false }
    repository = try await GitRepository()
    try await repository.commit(["config.json": #"{"dl":"\#(farm.registry.downloadTemplate)"}"#])
  }

  private func sync(_ crates: String...) throws -> RegistrySync {
    var configuration = SyncConfiguration(
      registryURL: "git+file://\(repository.folder)", backendURL: farm.backend.url,
      token: FakeBackend.token, stateDirectory: farm.folder,
      crates: try crates.map { try #require(CrateName($0)) })
    configuration.linesAtOnce = 1000
    return RegistrySync(
      configuration: configuration, client: farm.client, retries: farm.once, logger: farm.logger)
  }

  private func lines(_ crate: String, _ versions: String..., yanked: Set<String> = []) -> String {
    versions.map { indexLine(crate, $0, sum, yanked: yanked.contains($0)) + "\n" }.joined()
  }

  /// The version and crate lines since the last call, such as `abc 1.0.0` and `abc [1.0.0]`.
  private func taken() throws -> [String] {
    try farm.backend.takeRecords().compactMap {
      switch $0 {
      case .registry: nil
      case .version(let version): "\(version.crate) \(version.version)"
      case .crate(let crate):
        "\(crate.crate) [\((crate.versions ?? []).map(\.description).joined(separator: " "))]"
      }
    }
  }

  @Test("the first sync sends all crates, the following ones only what differs")
  func following() async throws {
    try await repository.commit([
      "3/a/abc": lines("abc", "1.0.0", "1.1.0"), "fo/o_/foo_bar": lines("Foo_Bar", "0.1.0"),
    ])
    let first = try await sync().syncOnce()
    #expect(first.crates == 2 && first.sent == 3)
    #expect(
      try taken() == [
        "abc 1.0.0", "abc 1.1.0", "abc [1.0.0 1.1.0]", "Foo_Bar 0.1.0", "Foo_Bar [0.1.0]",
      ])
    #expect(try await sync().syncOnce().crates == 0)
    #expect(try taken() == [])
    try await repository.commit([
      "3/a/abc": lines("abc", "1.0.0", "1.1.0", "1.2.0", yanked: ["1.0.0"]),
      "fo/o_/foo_bar": nil, "1/x": lines("x", "1.0.0"),
    ])
    let next = try await sync().syncOnce()
    #expect(next.crates == 3 && next.sent == 3)
    #expect(
      try taken() == [
        "x 1.0.0", "x [1.0.0]", "abc 1.0.0", "abc 1.2.0", "abc [1.0.0 1.1.0 1.2.0]", "foo_bar []",
      ])
    #expect(farm.backend.versions == ["abc 1.0.0 yanked", "abc 1.1.0", "abc 1.2.0", "x 1.0.0"])
    // A version that is gone from its file is deleted; a squashed history changes nothing.
    try await repository.commit(
      [
        "config.json": #"{"dl":"http://other/dl"}"#,
        "3/a/abc": lines("abc", "1.0.0", "1.2.0", yanked: ["1.0.0"]),
        "1/x": lines("x", "1.0.0"),
      ], isRoot: true)
    _ = try await sync().syncOnce()
    #expect(farm.backend.versions == ["abc 1.0.0 yanked", "abc 1.2.0", "x 1.0.0"])
    #expect(try taken() == ["abc [1.0.0 1.2.0]"])
  }

  @Test("a changed download template alone is sent")
  func template() async throws {
    _ = try await sync().syncOnce()
    try await repository.commit(["config.json": #"{"dl":"http://other/dl"}"#])
    _ = farm.backend.takeBodies()
    _ = try await sync().syncOnce()
    #expect(
      try farm.backend.takeRecords() == [
        .registry(
          RegistryDescription(
            indexURL: "git+file://\(repository.folder)", downloadTemplate: "http://other/dl"))
      ])
  }

  @Test("only the crates that are named are followed, and later others")
  func named() async throws {
    try await repository.commit([
      "3/a/abc": lines("abc", "1.0.0"), "fo/o_/foo_bar": lines("foo_bar", "0.1.0"),
    ])
    let report = try await sync("Foo-Bar", "none").syncOnce()
    #expect(report.crates == 1)
    #expect(report.problems.map(\.description) == ["none: the registry has no such crate"])
    #expect(farm.backend.versions == ["foo_bar 0.1.0"])
    _ = try await sync().syncOnce()
    #expect(farm.backend.versions == ["abc 1.0.0", "foo_bar 0.1.0"])
  }

  @Test(
    "a crate that the backend refuses holds up no other, and is sent again with the next change")
  func refused() async throws {
    try await repository.commit([
      "3/a/abc": lines("abc", "1.0.0"), "3/b/bad": lines("bad", "1.0.0"),
      "3/x/xyz": lines("xyz", "1.0.0"),
    ])
    farm.backend.refuse("bad")
    let report = try await sync().syncOnce()
    #expect(report.problems.map(\.crate) == ["bad"])
    #expect(farm.backend.versions == ["abc 1.0.0", "xyz 1.0.0"])
    farm.backend.refuse("nothing")
    _ = try await sync().syncOnce()
    #expect(farm.backend.versions == ["abc 1.0.0", "bad 1.0.0", "xyz 1.0.0"])
    _ = farm.backend.takeBodies()
    _ = try await sync().syncOnce()
    #expect(try taken() == [])
  }

  @Test("what the backend asks for is looked into, in the .crate that the index names")
  func looks() async throws {
    farm.backend.change { $0.asksForLooks = true }
    let checksum = try farm.registry.publishProgram("abc", "1.1.0")
    try await repository.commit([
      "3/a/abc": indexLine("abc", "1.0.0", sum) + "\n" + indexLine("abc", "1.1.0", checksum)
    ])
    let report = try await sync().syncOnce()
    #expect(report.looked == 1)
    #expect(farm.backend.read { $0.contents[checksum]?.binaries.map(\.name) } == ["abc"])
    #expect(farm.registry.takeLog() == ["GET /crates/abc/1.1.0/download 200"])
  }

  @Test("after an interruption the sync goes on at the same commit, and then to the newest")
  func interrupted() async throws {
    let index = SyntheticIndex(seed: 1, crates: 200, versions: 6000)
    func files(changes: Int) -> [String: String?] {
      Dictionary(
        uniqueKeysWithValues: (0..<index.crates).map {
          (
            index.path(of: $0),
            String(decoding: index.file(of: $0, changes: changes), as: UTF8.self)
          )
        })
    }
    try await repository.commit(files(changes: 0))
    // The backend goes away after some bodies, of which two are on their way at once.
    farm.backend.change { $0.statusAfterBodies = (4, 503) }
    await #expect(throws: SyncError.self) { try await sync().syncOnce() }
    let before = farm.backend.versions.count
    #expect(before > 0 && before < index.versions)
    farm.backend.change { $0.statusAfterBodies = nil }
    _ = farm.backend.takeBodies()
    try await repository.commit(files(changes: 1))
    let report = try await sync().syncOnce()
    #expect(report.sent < index.versions)
    let expected = (0..<index.crates).flatMap { crate in
      parseIndexFile(index.file(of: crate, changes: 1)).entries.map {
        "\($0.name) \($0.version)\($0.isYanked ? " yanked" : "")"
      }
    }
    #expect(farm.backend.versions == expected.sorted())
  }
}
