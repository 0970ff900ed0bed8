import Database
import FarmModel

/// A line as the registry sync writes nearly all of them, found out by one look at its bytes: one flat
/// object without spaces, escapes, other characters than ASCII, nulls and contents.
///
/// Every such line means here what it means to `JSONDecoder`; whatever is otherwise is left to that, errors
/// included. It is what the first sync of a registry takes its time for.
enum PlainRecord: Sendable, Equatable {
  case version(PlainVersion)
  case crate(PlainCrate)

  /// Nil where the bytes are no such line.
  init?(_ bytes: Span<UInt8>) {
    guard let fields = PlainFields(bytes), let type = fields.type, let crate = fields.crate else {
      return nil
    }
    if PlainFields.equal(bytes, type, "version") {
      guard fields.versions == nil, fields.downloads == nil, let version = fields.version,
        let checksum = fields.checksum, PlainFields.isChecksum(bytes, checksum),
        let isYanked = fields.isYanked, fields.publishedAt ?? 0 <= RegistryLimits.lastSecond
      else { return nil }
      self = .version(
        PlainVersion(
          crate: crate, version: version, checksum: checksum, isYanked: isYanked,
          publishedAt: fields.publishedAt, rustVersion: fields.rustVersion))
    } else if PlainFields.equal(bytes, type, "crate"), !fields.hasVersionFields {
      self = .crate(
        PlainCrate(crate: crate, versions: fields.versions, downloads: fields.downloads))
    } else {
      return nil
    }
  }
}

/// What the values of lines may be.
enum RegistryLimits {
  /// The longest line, in bytes.
  static let line = 1 << 20
  /// The longest address of an index, in bytes.
  static let indexURL = 2000
  /// The last second of the year 9999, since 1970.
  static let lastSecond: Int64 = 253_402_300_799
}

/// The members of a flat object.
private struct PlainFields {
  var type: Range<Int>?
  var crate: Range<Int>?
  var version: Range<Int>?
  var checksum: Range<Int>?
  var rustVersion: Range<Int>?
  var isYanked: Bool?
  var publishedAt: Int64?
  var versions: [Range<Int>]?
  var downloads: Int64?

  var hasVersionFields: Bool {
    version != nil || checksum != nil || rustVersion != nil || isYanked != nil || publishedAt != nil
  }

  init?(_ bytes: Span<UInt8>) {
    var place = 0
    guard Self.take("{", bytes, &place) else { return nil }
    repeat {
      guard let key = Self.string(bytes, &place), Self.take(":", bytes, &place),
        readValue(of: key, bytes, &place)
      else { return nil }
    } while Self.take(",", bytes, &place)
    guard Self.take("}", bytes, &place), place == bytes.count else { return nil }
  }

  /// False for a member that is there twice, is not known or has a value of another type.
  private mutating func readValue(
    of key: Range<Int>, _ bytes: Span<UInt8>, _ place: inout Int
  ) -> Bool {
    if Self.equal(bytes, key, "crate") { return Self.set(&crate, Self.string(bytes, &place)) }
    if Self.equal(bytes, key, "version") { return Self.set(&version, Self.string(bytes, &place)) }
    if Self.equal(bytes, key, "checksum") { return Self.set(&checksum, Self.string(bytes, &place)) }
    if Self.equal(bytes, key, "yanked") { return Self.set(&isYanked, Self.bool(bytes, &place)) }
    if Self.equal(bytes, key, "type") { return Self.set(&type, Self.string(bytes, &place)) }
    if Self.equal(bytes, key, "rust_version") {
      return Self.set(&rustVersion, Self.string(bytes, &place))
    }
    if Self.equal(bytes, key, "published_at") {
      return Self.set(&publishedAt, Self.number(bytes, &place))
    }
    if Self.equal(bytes, key, "versions") {
      return Self.set(&versions, Self.strings(bytes, &place))
    }
    if Self.equal(bytes, key, "downloads") {
      return Self.set(&downloads, Self.number(bytes, &place))
    }
    return false
  }

  private static func set<Value>(_ field: inout Value?, _ value: Value?) -> Bool {
    guard field == nil, let value else { return false }
    field = value
    return true
  }

  // MARK: Values

  private static func take(_ character: Unicode.Scalar, _ bytes: Span<UInt8>, _ place: inout Int)
    -> Bool
  {
    guard place < bytes.count, bytes[place] == UInt8(ascii: character) else { return false }
    place += 1
    return true
  }

  /// What stands between two quotation marks.
  private static func string(_ bytes: Span<UInt8>, _ place: inout Int) -> Range<Int>? {
    guard take("\"", bytes, &place) else { return nil }
    let start = place
    while place < bytes.count {
      switch bytes[place] {
      case UInt8(ascii: "\""):
        place += 1
        return start..<(place - 1)
      case UInt8(ascii: "\\"): return nil
      case 0x20...0x7e: place += 1
      default: return nil
      }
    }
    return nil
  }

  private static func strings(_ bytes: Span<UInt8>, _ place: inout Int) -> [Range<Int>]? {
    guard take("[", bytes, &place) else { return nil }
    if take("]", bytes, &place) { return [] }
    var items: [Range<Int>] = []
    repeat {
      guard let item = string(bytes, &place) else { return nil }
      items.append(item)
    } while take(",", bytes, &place)
    return take("]", bytes, &place) ? items : nil
  }

  private static func bool(_ bytes: Span<UInt8>, _ place: inout Int) -> Bool? {
    for (text, value) in [("true" as StaticString, true), ("false" as StaticString, false)] {
      let end = place + text.utf8CodeUnitCount
      guard end <= bytes.count, equal(bytes, place..<end, text) else { continue }
      place = end
      return value
    }
    return nil
  }

  /// A whole number of at most 18 digits that is not negative.
  private static func number(_ bytes: Span<UInt8>, _ place: inout Int) -> Int64? {
    let start = place
    var number: Int64 = 0
    while place < bytes.count, (48...57).contains(bytes[place]) {
      guard place - start < 18 else { return nil }
      number = number * 10 + Int64(bytes[place] - 48)
      place += 1
    }
    let length = place - start
    guard length > 0, length == 1 || bytes[start] != 48 else { return nil }
    return number
  }

  static func equal(_ bytes: Span<UInt8>, _ range: Range<Int>, _ text: StaticString) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    for index in 0..<range.count
    where bytes[range.lowerBound + index] != text.utf8Start[index] {
      return false
    }
    return true
  }

  static func isChecksum(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard range.count == 64 else { return false }
    for index in range
    where !(48...57).contains(bytes[index]) && !(97...102).contains(bytes[index]) {
      return false
    }
    return true
  }
}
