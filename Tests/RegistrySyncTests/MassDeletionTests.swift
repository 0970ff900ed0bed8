import Cryptography
import FarmModel
import Foundation
import TestSupport
import Testing

@testable import RegistrySync

@Suite("Crates that are gone all at once", .timeLimit(.minutes(2)))
struct MassDeletionTests {
  private let farm: Farm
  private let sum = String(repeating: "a", count: 64)
  private let names = (0..<40).map { "crate\($0)" }

  init() throws {
    farm = try Farm()
    farm.backend.change { $0.asksForLooks = false }
  }

  private func sync(_ url: String, allows: Bool = false) throws -> RegistrySync {
    var configuration = SyncConfiguration(
      registryURL: url, backendURL: farm.backend.url, token: FakeBackend.token,
      stateDirectory: farm.folder,
      crates: url.hasPrefix("git+") ? [] : names.compactMap { CrateName($0) })
    configuration.allowsMassDeletion = allows
    return RegistrySync(
      configuration: configuration, client: farm.client, retries: farm.once, logger: farm.logger)
  }

  private func publishAll() {
    for name in names.compactMap({ CrateName($0) }) {
      farm.registry.publish(name, lines: [indexLine(name.text, "1.0.0", sum)])
    }
  }

  @Test(
    "a sparse index that lacks too many crates takes none away, until an operator says so",
    arguments: [404, nil])
  func sparse(status: Int?) async throws {
    publishAll()
    _ = try await sync(farm.registry.indexURL).syncOnce()
    #expect(farm.backend.versions.count == 40)
    func lose(_ names: ArraySlice<String>) {
      for name in names {
        let path = "/index/cr/at/\(name)"
        if status == nil { farm.registry.set(path, "") } else { farm.registry.setStatus(path, 404) }
      }
    }
    // Half of them may be gone.
    lose(names[..<21])
    let error = await #expect(throws: SyncError.self) {
      try await sync(farm.registry.indexURL).syncOnce()
    }
    #expect(error == .massDeletion(of: .crates, gone: 21, isWhole: false, known: 40, limit: 20))
    #expect(error?.isFatal == false)
    #expect(error?.description.contains("at least 21 of 40 crates") == true)
    #expect(error?.description.contains("--allow-mass-deletion") == true)
    #expect(farm.backend.versions.count == 40)
    // The server is mended, but for a few.
    for name in names { farm.registry.setStatus("/index/cr/at/\(name)", nil) }
    publishAll()
    lose(names[..<20])
    _ = try await sync(farm.registry.indexURL).syncOnce()
    #expect(farm.backend.versions.count == 20)
    for name in names { farm.registry.setStatus("/index/cr/at/\(name)", nil) }
    publishAll()
    _ = try await sync(farm.registry.indexURL).syncOnce()
    #expect(farm.backend.versions.count == 40)
    lose(names[...])
    _ = try await sync(farm.registry.indexURL, allows: true).syncOnce()
    #expect(farm.backend.versions.isEmpty)
  }

  @Test(
    "nothing of a git commit that lacks too many crates is sent, until an operator says so",
    arguments: [true, false])
  func git(isRemoved: Bool) async throws {
    let repository = try await GitRepository()
    let url = "git+file://\(repository.folder)"
    func files(_ present: ArraySlice<String>) -> [String: String?] {
      var files: [String: String?] = [
        "config.json": #"{"dl":"\#(farm.registry.downloadTemplate)"}"#
      ]
      for name in present { files["cr/at/\(name)"] = indexLine(name, "1.0.0", sum) + "\n" }
      if !isRemoved {
        for name in names where !present.contains(name) { files["cr/at/\(name)"] = "" }
      }
      return files
    }
    try await repository.commit(files(names[...]))
    _ = try await sync(url).syncOnce()
    let state = try Data(contentsOf: URL(filePath: farm.statePath))
    _ = farm.backend.takeBodies()
    var broken = files(names[21...])
    broken["cr/at/crate99"] = indexLine("crate99", "1.0.0", sum) + "\n"
    try await repository.commit(broken, isRoot: true)
    for _ in 0..<2 {
      let error = await #expect(throws: SyncError.self) { try await sync(url).syncOnce() }
      #expect(error == .massDeletion(of: .crates, gone: 21, isWhole: true, known: 40, limit: 20))
      #expect(error?.description.contains("lacks 21 of 40 crates") == true)
    }
    #expect(farm.backend.takeBodies().isEmpty)
    #expect(try Data(contentsOf: URL(filePath: farm.statePath)) == state)
    // The branch is pushed again as it was, with one crate less.
    try await repository.commit(files(names[1...]), isRoot: true)
    _ = try await sync(url).syncOnce()
    #expect(farm.backend.versions.count == 39)
    try await repository.commit(files([]), isRoot: true)
    _ = try await sync(url, allows: true).syncOnce()
    #expect(farm.backend.versions.isEmpty)
  }

  @Test("what the backend wants looked into and the index lacks is bounded, too")
  func looks() async throws {
    try farm.publishABC()
    let known = try names.map { name in
      RegistryVersion(
        crate: try #require(CrateName(name)), version: try #require(Semver("1.0.0")),
        checksum: SHA256.hex(of: name), yanked: false)
    }
    farm.backend.change { state in
      state.asksForLooks = true
      for version in known {
        state.crates[version.crate.normalized] = [version.version: version]
      }
    }
    func follow(allows: Bool) async throws -> SyncReport {
      var configuration = SyncConfiguration(
        registryURL: farm.registry.indexURL, backendURL: farm.backend.url,
        token: FakeBackend.token, stateDirectory: farm.folder,
        crates: [try #require(CrateName("abc"))])
      configuration.allowsMassDeletion = allows
      return try await RegistrySync(
        configuration: configuration, client: farm.client, retries: farm.once, logger: farm.logger
      ).syncOnce()
    }
    let error = await #expect(throws: SyncError.self) { try await follow(allows: false) }
    // Those that are asked for count, and `abc`.
    #expect(error == .massDeletion(of: .crates, gone: 21, isWhole: false, known: 41, limit: 20))
    #expect(farm.backend.versions.count == 42)
    #expect(try await follow(allows: true).looked == 1)
    #expect(farm.backend.versions == ["abc 1.0.0", "abc 1.1.0"])
  }

  /// 40 crates with so many versions each.
  private func file(of crate: String, versions: Int) -> String {
    (0..<versions).map { indexLine(crate, "1.\($0).0", sum) + "\n" }.joined()
  }

  @Test(
    "a sparse index whose files lack too many versions takes none away, until an operator says so")
  func sparseVersions() async throws {
    func publish(_ versions: Int, of crates: ArraySlice<String>, extra: String = "") {
      for crate in crates {
        farm.registry.set("/index/cr/at/\(crate)", file(of: crate, versions: versions) + extra)
      }
    }
    publish(6, of: names[...])
    _ = try await sync(farm.registry.indexURL).syncOnce()
    #expect(farm.backend.versions.count == 240)
    // A limit of 100 of 240.
    publish(3, of: names[..<34])
    let error = await #expect(throws: SyncError.self) {
      try await sync(farm.registry.indexURL).syncOnce()
    }
    #expect(
      error == .massDeletion(of: .versions, gone: 102, isWhole: false, known: 240, limit: 100))
    #expect(
      error?.description.contains("at least 102 of 240 versions (of crates that it has)") == true)
    #expect(farm.backend.versions.count == 240)
    // A file with a line that cannot be read takes none away, and is not forgotten to have had six.
    publish(6, of: names[...])
    publish(1, of: names[...], extra: "{}\n")
    _ = try await sync(farm.registry.indexURL).syncOnce()
    #expect(farm.backend.versions.count == 240)
    publish(3, of: names[..<34])
    await #expect(throws: SyncError.self) { try await sync(farm.registry.indexURL).syncOnce() }
    // As many as may go.
    publish(6, of: names[...])
    publish(3, of: names[..<33])
    _ = try await sync(farm.registry.indexURL).syncOnce()
    #expect(farm.backend.versions.count == 141)
    publish(6, of: names[...])
    _ = try await sync(farm.registry.indexURL).syncOnce()
    publish(1, of: names[...])
    _ = try await sync(farm.registry.indexURL, allows: true).syncOnce()
    #expect(farm.backend.versions.count == 40)
  }

  @Test("nothing of a git commit that lacks too many versions is sent, until an operator says so")
  func gitVersions() async throws {
    let repository = try await GitRepository()
    let url = "git+file://\(repository.folder)"
    func commit(_ versions: (Int) -> Int, extra: String = "") async throws {
      var files: [String: String?] = [
        "config.json": #"{"dl":"\#(farm.registry.downloadTemplate)"}"#
      ]
      for (number, name) in names.enumerated() {
        files["cr/at/\(name)"] = file(of: name, versions: versions(number)) + extra
      }
      try await repository.commit(files)
    }
    try await commit { _ in 6 }
    _ = try await sync(url).syncOnce()
    let state = try Data(contentsOf: URL(filePath: farm.statePath))
    _ = farm.backend.takeBodies()
    try await commit { $0 < 34 ? 3 : 7 }
    let error = await #expect(throws: SyncError.self) { try await sync(url).syncOnce() }
    #expect(error == .massDeletion(of: .versions, gone: 102, isWhole: true, known: 240, limit: 100))
    #expect(farm.backend.takeBodies().isEmpty)
    #expect(try Data(contentsOf: URL(filePath: farm.statePath)) == state)
    // A line that cannot be read takes none away.
    try await commit({ _ in 1 }, extra: "{}\n")
    _ = try await sync(url).syncOnce()
    #expect(farm.backend.versions.count == 240)
    try await commit { _ in 6 }
    _ = try await sync(url).syncOnce()
    try await commit { $0 < 33 ? 3 : 7 }
    _ = try await sync(url).syncOnce()
    #expect(farm.backend.versions.count == 148)
    try await commit { _ in 6 }
    _ = try await sync(url).syncOnce()
    try await commit { _ in 1 }
    _ = try await sync(url, allows: true).syncOnce()
    #expect(farm.backend.versions.count == 40)
  }

  @Test("versions that the backend wants looked into and the index lacks are bounded, too")
  func lookVersions() async throws {
    try farm.publishABC()
    let checksum = SHA256.hex(of: "gone")
    let abc = try #require(CrateName("abc"))
    let gone = try (0..<22).map { number in
      RegistryLooks.Version(
        crate: abc, version: try #require(Semver("0.\(number).0")), checksum: checksum)
    }
    farm.backend.change { $0.looksBeside = gone }
    let error = await #expect(throws: SyncError.self) { try await farm.sync("abc").syncOnce() }
    #expect(error == .massDeletion(of: .versions, gone: 12, isWhole: false, known: 22, limit: 11))
    farm.backend.change { $0.looksBeside = Array(gone[..<10]) }
    _ = try await farm.sync("abc").syncOnce()
    #expect(farm.backend.versions == ["abc 1.0.0", "abc 1.1.0"])
  }

  @Test(
    "names that this sync has never seen are no deletions, nor told to be ones where they are many")
  func unknownNames() async throws {
    for name in names.prefix(5).compactMap({ CrateName($0) }) {
      farm.registry.publish(name, lines: [indexLine(name.text, "1.0.0", sum)])
    }
    // 35 of 40: more than the half. The backend has one of them from another sync.
    let other = try #require(CrateName(names[39]))
    let version = RegistryVersion(
      crate: other, version: try #require(Semver("1.0.0")), checksum: sum, yanked: false)
    farm.backend.change { $0.crates[other.normalized] = [version.version: version] }
    for _ in 0..<2 {
      let report = try await sync(farm.registry.indexURL).syncOnce()
      #expect(report.problemCount == 35)
      #expect(farm.backend.versions.count == 6)
    }
    // When they are few, the backend is told.
    for name in names[5..<30].compactMap({ CrateName($0) }) {
      farm.registry.publish(name, lines: [indexLine(name.text, "1.0.0", sum)])
    }
    _ = try await sync(farm.registry.indexURL).syncOnce()
    #expect(farm.backend.versions.count == 30)
    #expect(!farm.backend.versions.contains("\(other) 1.0.0"))
  }

  @Test("how many crates may go at once")
  func limits() {
    let limits = [0, 1, 20, 40, 200, 10_000, 200_000].map(DeletionBound.limit(of:))
    #expect(limits == [10, 10, 10, 20, 100, 100, 2000])
  }
}
