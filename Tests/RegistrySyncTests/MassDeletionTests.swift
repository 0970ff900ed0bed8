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
    #expect(error == .massDeletion(gone: 21, isWhole: false, crates: 40, limit: 20))
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
      #expect(error == .massDeletion(gone: 21, isWhole: true, crates: 40, limit: 20))
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
    #expect(error == .massDeletion(gone: 21, isWhole: false, crates: 41, limit: 20))
    #expect(farm.backend.versions.count == 42)
    #expect(try await follow(allows: true).looked == 1)
    #expect(farm.backend.versions == ["abc 1.0.0", "abc 1.1.0"])
  }

  @Test("how many crates may go at once")
  func limits() {
    let limits = [0, 1, 20, 40, 200, 10_000, 200_000].map(DeletionBound.limit(of:))
    #expect(limits == [10, 10, 10, 20, 100, 100, 2000])
  }
}
