import CrateRegistry
import FarmModel
import Foundation
import Testing

@testable import RegistrySync

@Suite("What a sync decides")
struct PlanTests {
  private let registry = RegistryDescription(indexURL: "i", downloadTemplate: "d")
  private let sum = String(repeating: "a", count: 64)

  private func name() throws -> CrateName { try #require(CrateName("abc")) }

  private func file(_ lines: String...) -> [UInt8] {
    Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  private func records(_ file: [UInt8], old: [UInt8] = []) throws -> CrateRecords {
    CrateRecords(try name(), file: file, old: old, reader: IndexFileReader())
  }

  private func read(_ lines: [UInt8]) throws -> [RegistryRecord] {
    try lines.split(separator: 10).map {
      try JSONDecoder().decode(RegistryRecord.self, from: Data($0))
    }
  }

  @Test("versions come before the crate's list; those that an older file had are only listed")
  func changes() throws {
    let one = indexLine("abc", "1.0.0", sum)
    let two = indexLine("abc", "1.1.0", sum)
    let yanked = indexLine("abc", "1.0.0", sum, yanked: true)
    func kinds(_ file: [UInt8], old: [UInt8] = []) throws -> [String] {
      try read(try records(file, old: old).lines).map {
        switch $0 {
        case .registry: "registry"
        case .version(let version): "\(version.version) \(version.yanked)"
        case .crate(let crate): (crate.versions ?? []).map(\.description).joined(separator: ",")
        }
      }
    }
    #expect(try kinds(file(one, two)) == ["1.0.0 false", "1.1.0 false", "1.0.0,1.1.0"])
    #expect(try kinds(file(one, two), old: file(one)) == ["1.1.0 false", "1.0.0,1.1.0"])
    #expect(try kinds(file(yanked, two), old: file(one, two)) == ["1.0.0 true", "1.0.0,1.1.0"])
    #expect(try kinds(file(two), old: file(one, two)) == ["1.1.0"])
    #expect(try kinds([]) == [""])
  }

  @Test("a line of a newer format is a problem, and its version is not taken for deleted")
  func newerFormat() throws {
    let newer = String(indexLine("abc", "2.0.0", sum).dropLast()) + #","v":9}"#
    let found = try records(file(indexLine("abc", "1.0.0", sum), newer))
    #expect(found.versions == 1)
    #expect(
      found.problems.map(\.reason) == [
        "index line 2: the line has the format 9; this program knows 1 and 2"
      ])
    guard case .crate(let crate)? = try read(found.lines).last else {
      Issue.record("no crate line")
      return
    }
    #expect(crate.versions?.map(\.description) == ["1.0.0", "2.0.0"])
    // Of which version a line is that cannot be read, nobody knows: nothing is said of the whole.
    let broken = try records(file(indexLine("abc", "1.0.0", sum), "{"))
    #expect(try read(broken.lines).count == 1)
  }

  @Test("a version that is to be looked into and whose line cannot be read is no deleted one")
  func unreadableLook() throws {
    func finding(_ version: String, _ lines: String...) throws -> String {
      let wanted = RegistryLooks.Version(
        crate: try name(), version: try #require(Semver(version)), checksum: sum)
      return switch CrateFiles.Finding(wanted, file: Array(lines.joined(separator: "\n").utf8)) {
      case .entry: "entry"
      case .unlisted: "unlisted"
      case .unreadable(let problem): "\(problem)"
      }
    }
    let one = indexLine("abc", "1.0.0", sum)
    let newer = String(indexLine("abc", "2.0.0", sum).dropLast()) + #","v":9}"#
    #expect(try finding("1.0.0", one, newer) == "entry")
    #expect(
      try finding("2.0.0", one, newer)
        == "line 2: the line has the format 9; this program knows 1 and 2")
    #expect(try finding("3.0.0", one, newer) == "unlisted")
    #expect(try finding("3.0.0", one, "{").hasPrefix("line 2: "), "nobody knows whose line it is")
    #expect(try finding("3.0.0") == "unlisted")
  }

  @Test("lines are spelt as CanonicalJSON spells them")
  func spelling() throws {
    for (rust, time) in [
      (nil, nil), ("1.70", 5), ("a\"b\\", nil), ("ä\u{1}/", Int64.max),
    ] as [(String?, Int64?)] {
      for contents in [nil, CrateContents(binaries: [], hasLockfile: true, description: "x/y")] {
        let record = RegistryRecord.version(
          RegistryVersion(
            crate: try name(), version: try #require(Semver("1.0.0-a.1+b")), checksum: sum,
            yanked: rust == nil, publishedAt: time, rustVersion: rust, contents: contents))
        #expect(
          String(decoding: RecordLine.bytes(of: record), as: UTF8.self)
            == (try CanonicalJSON.text(record)) + "\n")
      }
    }
  }

  @Test("so are the lines of crates", arguments: [nil, [], ["1.0.0"], ["1.0.0", "2.0.0-a"]])
  func crateSpelling(versions: [String]?) throws {
    for downloads in [nil, 7] as [Int64?] {
      let record = RegistryRecord.crate(
        RegistryCrate(
          crate: try name(), versions: try versions?.map { try #require(Semver($0)) },
          downloads: downloads))
      #expect(
        String(decoding: RecordLine.bytes(of: record), as: UTF8.self)
          == (try CanonicalJSON.text(record)) + "\n")
    }
  }

  @Test("bodies begin with the registry's line and stay within their limits")
  func bodies() throws {
    let head = #"{"download_template":"d","index_url":"i","type":"registry"}"# + "\n"
    var cutter = BodyCutter<Int>(registry: registry, limits: .init(lines: 6, bytes: 1 << 20))
    let crate = try records(
      file(indexLine("abc", "1.0.0", sum), indexLine("abc", "1.0.1", sum)))
    for mark in 1...3 { cutter.append(crate, mark: mark) }
    var bodies: [RecordBody<Int>] = []
    while let body = cutter.takeFull() { bodies.append(body) }
    while let body = cutter.takeRest() { bodies.append(body) }
    #expect(bodies.allSatisfy { $0.bytes.starts(with: Array(head.utf8)) })
    #expect(bodies.map { body in body.bytes.count { $0 == 10 } } == bodies.map(\.lines))
    #expect(bodies.map(\.lines).allSatisfy { $0 <= 6 })
    #expect(bodies.flatMap(\.parts).compactMap(\.mark) == [1, 2, 3])
    #expect(bodies.map(\.versions).reduce(0, +) == 6)
    let lines = bodies.flatMap { $0.bytes.dropFirst(head.utf8.count) }
    #expect(lines == crate.lines + crate.lines + crate.lines)
  }

  @Test("a crate with more lines than a body holds is cut, and is done with its last line")
  func longCrate() throws {
    let lines = (0..<10).map { indexLine("abc", "1.0.\($0)", sum) }.joined(separator: "\n")
    let crate = try records(Array(lines.utf8))
    var cutter = BodyCutter<Int>(registry: registry, limits: .init(lines: 4, bytes: 1 << 20))
    cutter.append(crate, mark: 7)
    var bodies: [RecordBody<Int>] = []
    while let body = cutter.takeRest() { bodies.append(body) }
    #expect(bodies.map(\.lines) == [4, 4, 4, 3])
    #expect(bodies.map { $0.parts.map(\.mark) } == [[nil], [nil], [nil], [7]])
    #expect(bodies.map(\.versions) == [3, 3, 3, 1])
    let bySize = BodyCutter<Int>.Limits(lines: 1000, bytes: 500)
    cutter = BodyCutter(registry: registry, limits: bySize)
    cutter.append(crate, mark: 7)
    var sizes: [Int] = []
    while let body = cutter.takeRest() { sizes.append(body.bytes.count) }
    #expect(sizes.count > 1 && sizes.allSatisfy { $0 <= 500 })
  }

  @Test("halves of a body hold the same lines")
  func halves() throws {
    var body = RecordBody<Int>(registry: registry)
    let crate = try records(file(indexLine("abc", "1.0.0", sum)))
    for mark in 1...3 {
      body.append(crate.lines, count: 2, versions: 1, of: "abc", mark: mark)
    }
    let (first, second) = body.halves()
    #expect(first.parts.map(\.mark) == [1])
    #expect(second.parts.map(\.mark) == [2, 3])
    #expect((first.lines, second.lines) == (3, 5))
    #expect(try read(second.bytes).count == 5)
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

  @Test("progress tells the rate since it went on, and the time left at it")
  func progress() {
    let progress = SyncProgress(
      stage: .index, done: 300, total: 500, versions: 1, elapsed: .seconds(10), doneBefore: 100)
    #expect(progress.rate == 20)
    #expect(progress.timeLeft == .seconds(10))
    #expect(
      SyncProgress(stage: .index, done: 0, total: 5, versions: 0, elapsed: .zero).timeLeft == nil)
  }
}
