import FarmModel
import Foundation
import RegistrySync
import Testing

@Suite("At most one sync is active", .timeLimit(.minutes(1)))
struct LeaseTests {
  @Test("every body carries the lease's fence, and the lease is given back")
  func fences() async throws {
    let farm = try Farm()
    try farm.publishABC()
    _ = try await farm.sync("abc").syncOnce()
    #expect(farm.backend.read(\.fences) == ["1", "1"])
    #expect(farm.backend.read { $0.lease == nil })
    try farm.publishABC(yanked: ["1.0.0"])
    _ = try await farm.sync("abc").syncOnce()
    #expect(Set(farm.backend.read(\.fences)) == ["1", "2"])
  }

  @Test("a standby waits while another has the lease, and takes over when it ends")
  func standby() async throws {
    let farm = try Farm()
    try farm.publishABC()
    farm.backend.change {
      $0.lease = ("other", 70)
      $0.nextFence = 71
      $0.leaseSeconds = 0.2
    }
    let sync = try farm.sync("abc")
    let waiting = Task { try await sync.syncOnce() }
    var asked = farm.backend.leaseAsked.makeAsyncIterator()
    await asked.next()
    await asked.next()
    #expect(farm.backend.requests == 0)
    farm.backend.change {
      $0.lease = nil
      $0.leaseSeconds = 30
    }
    #expect(try await waiting.value.crates == 1)
    #expect(Set(farm.backend.read(\.fences)) == ["71"])
  }

  @Test("who has lost the lease stops, and its lines are refused")
  func lost() async throws {
    let farm = try Farm()
    try farm.publishABC()
    farm.backend.change { $0.losesLeaseBeforeBody = true }
    let error = await #expect(throws: SyncError.self) { try await farm.sync("abc").syncOnce() }
    guard case .leaseLost = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(farm.backend.versions.isEmpty)
  }

  @Test("the lease that a killed process has left is given back by the next of its folder")
  func left() async throws {
    let farm = try Farm()
    try farm.publishABC()
    let folder = farm.folder + "/registry-sync"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let left =
      #"{"backendURL":"\#(farm.backend.url)","lease":{"holder":"h/1","fence":5}}"#
    try Data(left.utf8).write(to: URL(filePath: folder + "/lease.json"))
    farm.backend.change {
      $0.lease = ("h/1", 5)
      $0.nextFence = 6
    }
    _ = try await farm.sync("abc").syncOnce()
    #expect(Set(farm.backend.read(\.fences)) == ["6"])
    #expect(!FileManager.default.fileExists(atPath: folder + "/lease.json"))
  }

  @Test("two syncs of one folder run one after the other")
  func oneFolder() async throws {
    let farm = try Farm()
    try farm.publishABC()
    let sync = try farm.sync("abc")
    async let first = sync.syncOnce()
    async let second = sync.syncOnce()
    let reports = try await [first, second]
    #expect(reports.map(\.unchanged).sorted() == [0, 1])
    #expect(farm.backend.read(\.nextFence) == 3)
  }
}
