import FarmModel
import Foundation
import Testing

@testable import RegistrySync

@Suite("What a sync decides")
struct PlanTests {
  private func version(_ text: String, checksum: Character = "a", yanked: Bool = false) throws
    -> RegistryVersion
  {
    RegistryVersion(
      crate: try #require(CrateName("abc")), version: try #require(Semver(text)),
      checksum: String(repeating: checksum, count: 64), yanked: yanked)
  }

  @Test("new versions are sent, known ones are not, changed ones are")
  func changes() throws {
    let one = try version("1.0.0")
    let first = SyncPlan(versions: [one], old: CrateState(), contents: [:])
    #expect(first.records == [one])
    #expect(SyncPlan(versions: [one], old: first.state, contents: [:]).records.isEmpty)
    let yanked = try version("1.0.0", yanked: true)
    #expect(SyncPlan(versions: [yanked], old: first.state, contents: [:]).records == [yanked])
    let other = try version("1.0.0", checksum: "b")
    #expect(SyncPlan(versions: [other], old: first.state, contents: [:]).records == [other])
    let two = try version("1.1.0")
    #expect(SyncPlan(versions: [one, two], old: first.state, contents: [:]).records == [two])
  }

  @Test("what was found in a .crate goes with its version, and is forgotten with it")
  func contents() throws {
    let one = try version("1.0.0")
    let found = CrateContents(binaries: [], hasLockfile: true)
    let known = SyncPlan(versions: [one], old: CrateState(), contents: [one.checksum: found])
    #expect(known.records.map(\.contents) == [found])
    #expect(known.state.contents == [one.checksum: found])
    let gone = SyncPlan(versions: [], old: known.state, contents: known.state.contents)
    #expect(gone.state == CrateState())
  }

  @Test("the newest version is the highest release that is not yanked, else a pre-release")
  func newest() throws {
    let versions = [
      try version("1.0.0"), try version("2.0.0", yanked: true), try version("2.1.0-rc.1"),
      try version("0.9.0"),
    ]
    #expect(SyncPlan.newest(of: versions)?.version.description == "1.0.0")
    #expect(SyncPlan.newest(of: [versions[2]])?.version.description == "2.1.0-rc.1")
    #expect(SyncPlan.newest(of: [versions[1]]) == nil)
    #expect(SyncPlan.newest(of: []) == nil)
  }

  @Test("another backend is told everything, but no .crate is looked into again")
  func otherBackend() throws {
    let one = try version("1.0.0")
    let found = CrateContents(binaries: [], hasLockfile: true)
    var state = SyncState(indexURL: "i", backendURL: "b")
    state.downloadTemplate = "t"
    state.crates["abc"] =
      SyncPlan(versions: [one], old: CrateState(), contents: [one.checksum: found]).state
    state.crates["abc"]?.etag = "e"
    #expect(state.adapted(indexURL: "i", backendURL: "b") == state)
    let other = state.adapted(indexURL: "i", backendURL: "c")
    #expect(other.downloadTemplate == nil)
    #expect(other.crates["abc"] == CrateState(contents: [one.checksum: found]))
  }

  @Test("bodies")
  func bodies() throws {
    let registry = RegistryDescription(indexURL: "i", downloadTemplate: "d")
    let head = #"{"download_template":"d","index_url":"i","type":"registry"}"# + "\n"
    #expect(RecordBatches.bodies(registry: registry, versions: []) == [Array(head.utf8)])
    let versions = try ["1.0.0", "1.0.1", "1.0.2"].map { try version($0) }
    let bodies = RecordBatches.bodies(registry: registry, versions: versions, lineLimit: 3)
    #expect(bodies.map { body in body.count { $0 == 10 } } == [3, 2])
    #expect(bodies.allSatisfy { $0.starts(with: Array(head.utf8)) })
  }

  @Test("the wait grows with failures from a second to the interval")
  func schedule() {
    func wait(_ failures: Int, _ jitter: Double) -> Duration {
      SyncSchedule.wait(interval: .seconds(60), failures: failures, jitter: jitter)
    }
    #expect(wait(0, 0.5) == .seconds(60))
    #expect(wait(0, 0) == .seconds(54))
    #expect(wait(1, 1) == .seconds(1))
    #expect(wait(4, 1) == .seconds(8))
    #expect(wait(4, 0) == .seconds(4))
    #expect(wait(1000, 1) == .seconds(60))
  }

  @Test("names of a file")
  func names() throws {
    var list = CrateList([try #require(CrateName("Abc"))])
    list.add(lines: "abc\r\n\r\n# all\n  x-y # z\nx_y\nä\n", of: "f")
    #expect(list.names.map(\.text) == ["Abc", "x-y"])
    #expect(
      list.problems == [SyncProblem(crate: "ä", reason: "f line 6: no crate has such a name")])
  }
}
