import Database
import FarmModel
import Postgres
import Testing

/// Random bodies of the registry sync, each of which must leave the database as the reference says, and
/// change nothing when it comes once more.
@Suite("Bodies of the registry sync, against a reference", .timeLimit(.minutes(5)))
struct RegistryWalkTests {
  /// SplitMix64 (Steele, Lea and Flood 2014): the same seed gives the same walk.
  private struct Walk: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  private static let crates = ["alpha", "Beta-x", "gamma"]
  private static let versions = [
    "0.9.0", "1.0.0-rc.1", "1.0.0-rc.10", "1.0.0", "1.10.0", "1.9.0+b",
  ]

  /// What the registry and the farm are, one line after the other.
  private struct Reference {
    struct Version {
      var checksum: Character
      var yanked: Bool
      /// As far as was known when it was last told of.
      var hasBinaries: Bool?
      var deleted = false
    }
    var versions: [String: [String: Version]] = [:]
    /// What was found, by checksum.
    private var contents: [Character: Bool] = [:]

    mutating func take(_ body: [RegistryRecord]) {
      for case .version(let version) in body {
        if let found = version.contents, let checksum = version.checksum.first {
          contents[checksum] = !found.binaries.isEmpty
        }
      }
      for record in body { take(record) }
    }

    private mutating func take(_ record: RegistryRecord) {
      switch record {
      case .registry: break
      case .version(let version):
        let checksum = version.checksum.first ?? " "
        versions[version.crate.text, default: [:]][version.version.description] = Version(
          checksum: checksum, yanked: version.yanked, hasBinaries: contents[checksum])
      case .crate(let crate):
        guard let listed = crate.versions, let known = versions[crate.crate.text] else { return }
        for version in known.keys {
          versions[crate.crate.text]?[version]?.deleted =
            !listed.contains { $0.description == version }
        }
      }
    }

    var lines: [String] {
      var lines: [String] = []
      for (crate, versions) in versions {
        for (number, version) in versions {
          lines.append(
            "\(crate) \(number) \(version.checksum) \(version.yanked ? "yanked " : "")"
              + "\(version.deleted ? "deleted " : "")"
              + (version.hasBinaries.map { $0 ? "binary" : "library" } ?? "unknown"))
        }
      }
      return lines.sorted()
    }

    /// By the rules of the design, in words as short as those.
    var looks: Set<String> {
      var looks: Set<String> = []
      for (crate, versions) in versions {
        let offered = versions.filter { !$0.value.yanked && !$0.value.deleted }
        guard let newest = offered.keys.compactMap({ Semver($0) }).latest?.description,
          let newestVersion = offered[newest]
        else { continue }
        for (number, version) in offered where version.hasBinaries == nil {
          if number == newest || newestVersion.hasBinaries == true {
            looks.insert("\(crate) \(number) \(number == newest ? 1 : 2)")
          }
        }
      }
      return looks
    }
  }

  private func record(_ random: inout Walk) throws -> RegistryRecord {
    let crate = Self.crates.randomElement(using: &random) ?? ""
    if Int.random(in: 0..<5, using: &random) == 0 {
      let listed = Self.versions.filter { _ in Bool.random(using: &random) }
      return try Farm.crate(crate, listed, downloads: Int64.random(in: 0...3, using: &random))
    }
    // A checksum has one sort of contents for ever; a version has, now and then, another checksum.
    let number = Int.random(in: 0..<Self.versions.count, using: &random)
    let place = (Self.crates.firstIndex(of: crate) ?? 0) * Self.versions.count + number
    let checksum = Int.random(in: 0..<20, using: &random) == 0 ? 0 : place % 16
    return try Farm.version(
      crate, Self.versions[number], yanked: Int.random(in: 0..<4, using: &random) == 0,
      binaries: Int.random(in: 0..<3, using: &random) == 0
        ? (checksum % 3 == 0 ? [] : ["tool"]) : nil,
      checksum: Character(String(checksum, radix: 16)))
  }

  /// Bodies whose lines do not contradict each other: lists come last, one a crate, with all versions that
  /// have a line.
  private func body(_ random: inout Walk) throws -> [RegistryRecord] {
    let records = try (0..<Int.random(in: 1...8, using: &random)).map { _ in try record(&random) }
    var told: [String: Set<Semver>] = [:]
    for case .version(let version) in records {
      told[version.crate.text, default: []].insert(version.version)
    }
    var listed: Set<String> = []
    var lists: [RegistryRecord] = []
    for case .crate(var crate) in records where listed.insert(crate.crate.text).inserted {
      crate.versions = Array(told[crate.crate.text, default: []].union(crate.versions ?? []))
      lists.append(.crate(crate))
    }
    return [Farm.registry]
      + records.filter { if case .version = $0 { true } else { false } } + lists
  }

  private func check(_ farm: Farm, _ reference: Reference, _ place: String) async throws {
    let pool = farm.database.pool
    let lines = try await pool.query(
      """
      SELECT c.name || ' ' || v.version || ' ' || left(v.checksum, 1) || ' '
        || CASE WHEN v.yanked THEN 'yanked ' ELSE '' END
        || CASE WHEN v.deleted_at IS NOT NULL THEN 'deleted ' ELSE '' END
        || CASE v.has_binaries WHEN true THEN 'binary' WHEN false THEN 'library' ELSE 'unknown' END
        AS line
      FROM versions v JOIN crates c ON c.id = v.crate_id
      """)
    #expect(try lines.map { try $0.text("line") }.sorted() == reference.lines, "\(place)")
    let looks = try await pool.query(
      """
      SELECT c.name || ' ' || v.version || ' ' || l.kind AS line
      FROM looks l JOIN versions v ON v.id = l.version_id JOIN crates c ON c.id = v.crate_id
      """)
    #expect(try Set(looks.map { try $0.text("line") }) == reference.looks, "\(place)")
  }

  /// Where every row of the registry is, and who wrote it.
  private func rows(_ farm: Farm) async throws -> [String] {
    var rows: [String] = []
    for table in ["registries", "crates", "versions", "contents", "looks", "versions_to_plan"] {
      rows += try await farm.database.pool.query(
        "SELECT '\(table) ' || ctid || ' ' || xmin AS row FROM \(table) ORDER BY ctid"
      ).map { try $0.text("row") }
    }
    return rows
  }

  @Test(
    "every body leaves what the reference says, and writes nothing the second time",
    arguments: 1...6)
  func walk(seed: UInt64) async throws {
    try await Farm.with { farm in
      var random = Walk(state: seed)
      var reference = Reference()
      for step in 0..<40 {
        let body = try body(&random)
        reference.take(body)
        _ = try await farm.database.ingest(body)
        try await check(farm, reference, "seed \(seed), step \(step): \(body)")
        let before = try await rows(farm)
        let again = try await farm.database.ingest(body)
        #expect(again.added == 0 && again.changed == 0, "seed \(seed), step \(step): \(body)")
        #expect(try await rows(farm) == before, "seed \(seed), step \(step): \(body)")
      }
    }
  }
}
