import FarmModel
import Foundation
import Testing
import Transfer

@testable import RegistrySync

@Suite("A body that got no answer", .timeLimit(.minutes(1)))
struct FenceTests {
  private let farm: Farm
  private let backend: BackendClient
  private let line = RecordLine.bytes(
    of: .registry(RegistryDescription(indexURL: "sparse+http://h/", downloadTemplate: "http://h")))

  init() throws {
    farm = try Farm()
    farm.backend.change { $0.asksForLooks = false }
    backend = BackendClient(
      backendURL: farm.backend.url, token: FakeBackend.token, client: farm.client,
      retries: TransferRetryPolicy(attempts: 4, firstDelay: .milliseconds(1)))
  }

  private func follow(attempts: Int, lines: Int = 20_000, _ crates: [String]) -> RegistrySync {
    var configuration = SyncConfiguration(
      registryURL: farm.registry.indexURL, backendURL: farm.backend.url, token: FakeBackend.token,
      stateDirectory: farm.folder, crates: crates.compactMap { CrateName($0) },
      interval: .milliseconds(20))
    configuration.linesAtOnce = lines
    return RegistrySync(
      configuration: configuration, client: farm.client,
      retries: TransferRetryPolicy(attempts: attempts, firstDelay: .milliseconds(1)),
      logger: farm.logger)
  }

  @Test(
    "is refused when it comes after newer lines, whether the same sync or the next has sent them",
    arguments: [4, 1])
  func lateCopy(attempts: Int) async throws {
    try farm.publishABC()
    farm.backend.change { $0.withholds = 1 }
    let sync = follow(attempts: attempts, ["abc"])
    let running = Task { try await sync.run() }
    var taken = farm.backend.taken.makeAsyncIterator()
    await taken.next()
    #expect(farm.backend.read(\.fences) == ["2"])
    try farm.publishABC(yanked: ["1.0.0"])
    while !farm.backend.versions.contains("abc 1.0.0 yanked") { await taken.next() }
    #expect(farm.backend.deliverLate() == [409])
    #expect(farm.backend.versions == ["abc 1.0.0 yanked", "abc 1.1.0"])
    running.cancel()
    try await running.value
    // One lease for all of that, under its newest fence, and given back.
    #expect(farm.backend.read { $0.lease == nil && $0.nextFence == 3 })
  }

  @Test("costs those that are on their way beside it one more request, and nothing is lost")
  func besideOthers() async throws {
    let names = (0..<60).map { "crate\($0)" }
    for name in names.compactMap({ CrateName($0) }) {
      farm.registry.publish(
        name, lines: [indexLine(name.text, "1.0.0", String(repeating: "a", count: 64))])
    }
    farm.backend.change { $0.withholdsEvery = 3 }
    var configuration = SyncConfiguration(
      registryURL: farm.registry.indexURL, backendURL: farm.backend.url, token: FakeBackend.token,
      stateDirectory: farm.folder, crates: names.compactMap { CrateName($0) })
    configuration.linesAtOnce = 5
    let report = try await RegistrySync(
      configuration: configuration, client: farm.client,
      retries: TransferRetryPolicy(attempts: 20, firstDelay: .milliseconds(1)),
      logger: farm.logger
    ).syncOnce()
    #expect(report.sent == 60 && report.problemCount == 0)
    #expect(farm.backend.versions.count == 60)
    let late = farm.backend.read(\.underWay.count)
    #expect(late >= 10)
    #expect(farm.backend.deliverLate() == Array(repeating: 409, count: late))
  }

  /// Takes the lease, under fence 1, and does something with it.
  private func withLease(
    _ body: @escaping @Sendable (SyncLease) async throws(SyncError) -> Void
  ) async throws(SyncError) {
    let desk = LeaseDesk(
      backend: backend, backendURL: farm.backend.url,
      folder: SyncFolder(stateDirectory: farm.folder), logger: farm.logger)
    try await desk.withLease(body)
  }

  @Test("a fence that was raised meanwhile is asked for, and the body sent again")
  func raisedMeanwhile() async throws {
    try await withLease { [farm, backend, line] (lease) async throws(SyncError) in
      farm.backend.change { $0.lease?.fence = 2 }
      _ = try await backend.post(line, lease: lease)
      #expect(lease.newestFence == 2)
    }
    #expect(farm.backend.read(\.fences) == ["1", "2"])
  }

  @Test("the same when it was cancelled: it may have been sent whole")
  func cancelled() async throws {
    farm.backend.change {
      $0.withholds = 1
      $0.silence = .silence
    }
    try await withLease { [farm, backend, line] (lease) async throws(SyncError) in
      let sending = Task { () async -> SyncError? in
        do throws(SyncError) {
          _ = try await backend.post(line, lease: lease)
          return nil
        } catch { return error }
      }
      for await _ in farm.backend.withheld { break }
      sending.cancel()
      #expect(await sending.value == .cancelled)
      _ = try await backend.post(line, lease: lease)
    }
    #expect(farm.backend.read(\.fences) == ["2"])
    #expect(farm.backend.deliverLate() == [409])
  }

  @Test("the answer with the newer fence may be lost, too, and renewals go on")
  func lostFence() async throws {
    farm.backend.change {
      $0.withholds = 1
      $0.lostFences = 2
    }
    try await withLease { [backend, line] (lease) async throws(SyncError) in
      _ = try await backend.post(line, lease: lease)
      #expect(lease.newestFence == 2)
      try await lease.renew()
      _ = try await backend.post(line, lease: lease)
    }
    #expect(farm.backend.read(\.fences) == ["2", "2"])
    // A renewal alone finds it, too: the backend does not know the older fence any more.
    farm.backend.change { $0.lostFences = 1 }
    try await withLease { [backend, line] (lease) async throws(SyncError) in
      let old = lease.newestFence
      lease.doubt(old)
      await #expect(throws: SyncError.self) { try await lease.renew() }
      #expect(lease.newestFence == old)
      try await lease.renew()
      #expect(lease.newestFence == old + 1)
      _ = try await backend.post(line, lease: lease)
    }
  }

  @Test("another sync's lease is not taken from it")
  func anotherSync() async throws {
    await #expect(throws: SyncError.leaseLost(reason: "other has it now")) {
      try await withLease { [farm, backend, line] (lease) async throws(SyncError) in
        farm.backend.change {
          $0.withholds = 1
          $0.lease = ("other", 2)
        }
        _ = try await backend.post(line, lease: lease)
      }
    }
    #expect(farm.backend.read(\.lease?.fence) == 2)
    #expect(farm.backend.read(\.bodiesTaken) == 0)
  }

  @Test("an older backend has no newer fence: it is sent again under the same")
  func olderBackend() async throws {
    farm.backend.change {
      $0.withholds = 1
      $0.raisesFences = false
    }
    try await withLease { [backend, line] (lease) async throws(SyncError) in
      _ = try await backend.post(line, lease: lease)
      try await lease.renew()
    }
    #expect(farm.backend.read(\.fences) == ["1"])
  }

  @Test("a backend that refuses each fence that it gives is not asked for ever")
  func contrary() async throws {
    try await withLease { [farm, backend, line] (lease) async throws(SyncError) in
      farm.backend.answer(with: 409)
      await #expect(throws: SyncError.leaseLost(reason: "as the test wants")) {
        _ = try await backend.post(line, lease: lease)
      }
    }
    #expect(farm.backend.requests == 3)
  }

  @Test("a lease that has run out has no fence")
  func runOut() async throws {
    let grant = RegistryLeaseGrant(fence: 3, seconds: 30)
    func lease(asked: ContinuousClock.Instant) -> SyncLease {
      SyncLease(
        holder: "h", grant: grant, asked: asked, backend: backend, logger: farm.logger
      ) { _ in }
    }
    #expect(try await lease(asked: .now).fence() == 3)
    await #expect(throws: SyncError.self) {
      try await lease(asked: .now - .seconds(31)).fence()
    }
    #expect(farm.backend.read(\.requests) == 0)
  }
}
