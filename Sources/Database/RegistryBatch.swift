public import FarmModel
import Postgres

/// The lines of one body of the registry sync, in the form in which they are copied into the database:
/// memory in proportion to the body, and nothing decoded twice.
public struct RegistryBatch: Sendable {
  /// What the lines say of one crate together.
  struct Crate: Sendable {
    let name: CrateName
    /// The first line that names it.
    let line: Int
    var hasVersions = false
    /// The highest unyanked version of the body and its `latestKey`; empty: there is none.
    var newest: [UInt8] = []
    var newestKey: [UInt8] = []
    /// All versions that the index has, as PostgreSQL's array; nil: not told.
    var listed: [UInt8]?
    /// The body has a line for each version that is listed, and for no other one.
    var isComplete = false
    /// Lines of other crates stand between its own.
    var isSplit = false
    var downloads: Int64?
  }

  private(set) var registry: RegistryDescription?
  private(set) var crates: [Crate] = []
  private(set) var versions = CopyRows()
  /// How many lines are versions.
  private(set) var versionCount = 0
  private(set) var contentsCount = 0
  /// A version may have several lines.
  private(set) var mayRepeat = false

  /// Some crate's versions are listed.
  private(set) var hasLists = false

  private var numbers: [String: Int] = [:]
  /// The crate of the line before, as it was spelled there.
  private var current = -1
  private var currentName: [UInt8] = []
  /// Hashes of the current crate's versions in the lines since it became the current one.
  private var seen: Set<UInt64> = []
  private var key: [UInt8] = []

  public init() {}

  /// How many versions the lines name, each line counted.
  public var count: Int { versionCount }

  // MARK: Lines of any form

  /// Adds a record.
  ///
  /// - Parameter line: its number in the body, from 1.
  /// - Throws: ``RegistryError`` for what does not fit the lines before.
  public mutating func add(_ record: RegistryRecord, line: Int) throws {
    switch record {
    case .registry(let registry):
      guard self.registry == nil || self.registry == registry else {
        throw RegistryError.secondRegistry(line: line)
      }
      self.registry = registry
    case .version(let version): try add(version, line: line)
    case .crate(let crate):
      try select(crate.crate, line: line)
      list(crate.versions?.map { Array($0.description.utf8) }, downloads: crate.downloads)
    }
  }

  private mutating func add(_ version: RegistryVersion, line: Int) throws {
    try select(version.crate, line: line)
    let text = Array(version.version.description.utf8)
    key = Array(version.version.latestKey.utf8)
    note(text.span, isYanked: version.yanked)
    if version.contents != nil { contentsCount += 1 }
    versions.append(
      try CopyText.line([
        .int(line), .int(current), .text(version.version.description),
        .text(version.version.latestKey), .text(version.checksum), .bool(version.yanked),
        .optional(storable(version.rustVersion)), .optional(version.publishedAt),
        try version.contents.map { .json(storableJSON(try CanonicalJSON.text($0))) } ?? .null,
      ]))
  }

  // MARK: Plain lines

  /// Adds a version whose line needs no decoding.
  ///
  /// - Parameter bytes: what the ranges of `plain` are of.
  /// - Returns: false where the line is not so plain after all, or wrong; nothing was added.
  /// - Throws: ``RegistryError`` for what does not fit the lines before.
  public mutating func add(_ plain: PlainVersion, of bytes: Span<UInt8>, line: Int) throws -> Bool {
    let version = bytes.extracting(plain.version)
    guard readKey(version), try select(bytes.extracting(plain.crate), line: line) else {
      return false
    }
    note(version, isYanked: plain.isYanked)
    versions.begin()
    versions.append(Int64(line))
    versions.append(Int64(current))
    versions.append(version)
    versions.append(column: key)
    versions.append(bytes.extracting(plain.checksum))
    versions.append(plain.isYanked)
    if let rust = plain.rustVersion {
      versions.append(bytes.extracting(rust))
    } else {
      versions.appendNull()
    }
    versions.append(plain.publishedAt)
    versions.appendNull()
    versions.end()
    return true
  }

  /// Adds a crate whose line needs no decoding; as ``add(_:of:line:)`` of a version.
  public mutating func add(_ plain: PlainCrate, of bytes: Span<UInt8>, line: Int) throws -> Bool {
    var listed: [[UInt8]]?
    if let ranges = plain.versions {
      var texts: [[UInt8]] = []
      texts.reserveCapacity(ranges.count)
      for range in ranges {
        guard readKey(bytes.extracting(range)) else { return false }
        texts.append(bytes.extracting(range).array)
      }
      listed = texts
    }
    guard try select(bytes.extracting(plain.crate), line: line) else { return false }
    list(listed, downloads: plain.downloads)
    return true
  }

  // MARK: What the lines say together

  /// Makes a crate the current one.
  ///
  /// - Returns: false where the bytes are no name.
  private mutating func select(_ name: Span<UInt8>, line: Int) throws -> Bool {
    if current >= 0, name.isEqual(to: currentName.span) { return true }
    let bytes = name.array
    guard let crate = CrateName(String(decoding: bytes, as: UTF8.self)) else { return false }
    try select(crate, line: line)
    currentName = bytes
    return true
  }

  private mutating func select(_ name: CrateName, line: Int) throws {
    guard registry != nil else { throw RegistryError.versionBeforeRegistry(line: line) }
    let number = numbers[name.normalized] ?? crates.count
    if number == crates.count {
      numbers[name.normalized] = number
      crates.append(Crate(name: name, line: line))
    }
    guard crates[number].name == name else {
      throw RegistryError.nameTaken(name.text, line: line)
    }
    guard number != current else { return }
    // What it had in lines further up is not remembered.
    if crates[number].hasVersions {
      mayRepeat = true
      crates[number].isSplit = true
    }
    current = number
    currentName = Array(name.text.utf8)
    seen.removeAll(keepingCapacity: true)
  }

  /// Notes a version of the current crate, whose key is in `key`.
  private mutating func note(_ version: Span<UInt8>, isYanked: Bool) {
    versionCount += 1
    if !seen.insert(version.hash64).inserted { mayRepeat = true }
    crates[current].hasVersions = true
    crates[current].isComplete = false
    guard !isYanked, crates[current].newestKey.lexicographicallyPrecedes(key) else { return }
    crates[current].newest = version.array
    crates[current].newestKey = key
  }

  private mutating func list(_ versions: [[UInt8]]?, downloads: Int64?) {
    if let downloads { crates[current].downloads = downloads }
    guard let versions else { return }
    hasLists = true
    // Nothing in a version needs quoting.
    crates[current].listed =
      [UInt8(ascii: "{")] + versions.joined(separator: [UInt8(ascii: ",")])
      + [UInt8(ascii: "}")]
    crates[current].isComplete =
      !crates[current].isSplit && versions.count == seen.count
      && versions.allSatisfy { seen.contains($0.span.hash64) }
  }

  /// Reads the `latestKey` of a version into `key`; false where it is none.
  private mutating func readKey(_ version: Span<UInt8>) -> Bool {
    if version.readPlainKey(into: &key) { return true }
    guard let number = Semver(String(decoding: version.array, as: UTF8.self)) else { return false }
    key.removeAll(keepingCapacity: true)
    key.append(contentsOf: number.latestKey.utf8)
    return true
  }

  /// The crates as rows for COPY.
  func crateRows() throws -> CopyRows {
    var rows = CopyRows()
    for (number, crate) in crates.enumerated() {
      func text(_ bytes: [UInt8]) -> PostgresValue {
        .text(String(decoding: bytes, as: UTF8.self))
      }
      rows.append(
        try CopyText.line([
          .int(number), .int(crate.line), .text(crate.name.text), .text(crate.name.normalized),
          .bool(crate.hasVersions), crate.newest.isEmpty ? .null : text(crate.newest),
          crate.listed.map(text) ?? .null, .bool(crate.isComplete), .optional(crate.downloads),
        ]))
    }
    return rows
  }
}

/// Where the values of a plain version line stand: each is ASCII without `"` and `\`.
public struct PlainVersion: Sendable, Equatable {
  public var crate: Range<Int>
  public var version: Range<Int>
  /// 64 lower-case hexadecimal digits.
  public var checksum: Range<Int>
  public var isYanked: Bool
  /// Seconds since 1970.
  public var publishedAt: Int64?
  public var rustVersion: Range<Int>?

  public init(
    crate: Range<Int>, version: Range<Int>, checksum: Range<Int>, isYanked: Bool,
    publishedAt: Int64?, rustVersion: Range<Int>?
  ) {
    self.crate = crate
    self.version = version
    self.checksum = checksum
    self.isYanked = isYanked
    self.publishedAt = publishedAt
    self.rustVersion = rustVersion
  }
}

/// Where the values of a plain crate line stand.
public struct PlainCrate: Sendable, Equatable {
  public var crate: Range<Int>
  public var versions: [Range<Int>]?
  public var downloads: Int64?

  public init(crate: Range<Int>, versions: [Range<Int>]?, downloads: Int64?) {
    self.crate = crate
    self.versions = versions
    self.downloads = downloads
  }
}
