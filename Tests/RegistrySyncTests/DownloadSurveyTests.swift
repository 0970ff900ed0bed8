import FarmModel
import Foundation
import TestSupport
import Testing

@testable import RegistrySync

@Suite("How often crates are downloaded", .timeLimit(.minutes(1)))
struct DownloadSurveyTests {
  private let farm: Farm
  private let repository: GitRepository

  init() async throws {
    farm = try Farm()
    farm.backend.change { $0.asksForLooks = false }
    repository = try await GitRepository()
    let configuration =
      #"{"dl":"\#(farm.registry.downloadTemplate)","api":"\#(farm.registry.origin)"}"#
    let line = indexLine("abc", "1.0.0", String(repeating: "a", count: 64)) + "\n"
    try await repository.commit(["config.json": configuration, "3/a/abc": line])
  }

  private func sync(_ crates: [String] = []) async throws {
    var configuration = SyncConfiguration(
      registryURL: "git+file://\(repository.folder)", backendURL: farm.backend.url,
      token: FakeBackend.token, stateDirectory: farm.folder,
      crates: crates.compactMap { CrateName($0) }, asksAPI: true)
    configuration.apiInterval = .zero
    _ = try await RegistrySync(
      configuration: configuration, client: farm.client, retries: farm.once, logger: farm.logger
    ).syncOnce()
  }

  private func publishPages(_ pages: Int) {
    for page in 0..<pages {
      let next = page + 1 < pages ? #""?page=\#(page + 1)""# : "null"
      farm.registry.set(
        page == 0 ? "/api/v1/crates?sort=downloads&per_page=100" : "/api/v1/crates?page=\(page)",
        #"{"crates":[{"name":"crate\#(page)","downloads":\#(1000 - page)}],"meta":{"next_page":\#(next)}}"#
      )
    }
  }

  private var asked: Int { farm.registry.takeLog().count { $0.contains("/api/v1/crates?") } }

  @Test("is told page by page over some syncs, and asked for again a day later")
  func pages() async throws {
    publishPages(45)
    for (pages, told) in [(20, 20), (20, 40), (5, 45), (0, 45)] {
      try await sync()
      #expect(asked == pages)
      #expect(farm.backend.read(\.downloads.count) == told)
    }
    #expect(farm.backend.read(\.downloads)["crate44"] == 956)
    // What is told of downloads says nothing of versions.
    #expect(farm.backend.versions == ["abc 1.0.0"])
  }

  @Test("stops nothing where the API does not tell it, and is gone on with where that may pass")
  func away() async throws {
    publishPages(3)
    farm.registry.setStatus("/api/v1/crates?page=1", 503)
    try await sync()
    #expect(farm.backend.read(\.downloads.count) == 1)
    farm.registry.setStatus("/api/v1/crates?page=1", nil)
    try await sync()
    #expect(farm.backend.read(\.downloads.count) == 3)
    #expect(asked == 4)
  }

  @Test("is not asked for again on the same day where the API refuses it")
  func refused() async throws {
    try await sync()
    try await sync()
    #expect(asked == 1)
    #expect(farm.backend.versions == ["abc 1.0.0"])
  }

  @Test(
    "is not asked for a few crates, which are asked for one by one, and told of those that are followed"
  )
  func followed() async throws {
    publishPages(3)
    try await sync(["abc"])
    #expect(asked == 0)
    try await sync(["crate1"] + (0..<DownloadSurvey.fewest).map { "other\($0)" })
    #expect(asked == 3)
    #expect(farm.backend.read(\.downloads) == ["crate1": 999])
  }

  @Test("when the next survey begins")
  func due() {
    typealias Survey = SyncState.Survey
    func due(_ last: Survey?) -> Survey? { DownloadSurvey.due(last, now: 100_000) }
    #expect(due(nil) == Survey(begun: 100_000))
    #expect(due(Survey(begun: 1, next: "?x")) == Survey(begun: 1, next: "?x"))
    #expect(due(Survey(begun: 99_000)) == nil)
    #expect(due(Survey(begun: 13_600)) == Survey(begun: 100_000))
    // The clock was wrong.
    #expect(due(Survey(begun: 200_000)) == Survey(begun: 100_000))
  }
}
