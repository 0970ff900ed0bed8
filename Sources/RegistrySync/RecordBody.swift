import FarmModel

/// The body of one request: NDJSON, the registry's line first, then the lines of some crates.
///
/// `Mark` is what is remembered of a crate when its lines are acknowledged.
struct RecordBody<Mark: Sendable>: Sendable {
  struct Part: Sendable {
    var crate: String
    /// The lines, in ``RecordBody/bytes``.
    var place: Range<Int>
    var versions: Int
    /// nil: more lines of this crate are in the next body.
    var mark: Mark?
  }

  var bytes: [UInt8]
  var parts: [Part] = []
  /// Lines, the registry's included.
  private(set) var lines = 1
  private let head: Int

  init(registry: RegistryDescription) {
    bytes = RecordLine.bytes(of: .registry(registry))
    head = bytes.count
  }

  var versions: Int { parts.reduce(0) { $0 + $1.versions } }

  /// Whether there is something to be sent.
  var hasLines: Bool { bytes.count > head }

  mutating func append(
    _ lines: some Collection<UInt8>, count: Int, versions: Int, of crate: String, mark: Mark?
  ) {
    let start = bytes.count
    bytes += lines
    self.lines += count
    parts.append(Part(crate: crate, place: start..<bytes.count, versions: versions, mark: mark))
  }

  /// Two bodies of the same lines, one after the other.
  func halves() -> (RecordBody, RecordBody) {
    let middle = parts.count / 2
    return (body(of: parts[..<middle]), body(of: parts[middle...]))
  }

  private func body(of parts: ArraySlice<Part>) -> RecordBody {
    var half = self
    half.bytes = Array(bytes[..<head])
    half.parts = []
    half.lines = 1
    for part in parts {
      let lines = bytes[part.place]
      half.append(
        lines, count: lines.count { $0 == 10 }, versions: part.versions, of: part.crate,
        mark: part.mark)
    }
    return half
  }
}

/// Cuts the lines of many crates into bodies. Pure.
struct BodyCutter<Mark: Sendable> {
  struct Limits: Sendable {
    var lines: Int
    var bytes = 8 << 20
  }

  private let registry: RegistryDescription
  private let limits: Limits
  private var body: RecordBody<Mark>
  private var ready: [RecordBody<Mark>] = []

  init(registry: RegistryDescription, limits: Limits) {
    self.registry = registry
    self.limits = limits
    body = RecordBody(registry: registry)
  }

  mutating func append(_ records: CrateRecords, mark: Mark) {
    var rest = records.lines[...]
    var versions = records.versions
    let crate = records.name.text
    while true {
      let (end, count) = fitting(rest)
      if end == rest.endIndex {
        body.append(rest, count: count, versions: versions, of: crate, mark: mark)
        return
      }
      // Only a crate that has more lines than a body holds is cut; others begin a new one.
      if end > rest.startIndex, rest.count > limits.bytes || isEmpty {
        let sent = min(count, versions)
        body.append(rest[..<end], count: count, versions: sent, of: crate, mark: nil)
        rest = rest[end...]
        versions -= sent
      }
      cut()
    }
  }

  private var isEmpty: Bool { body.parts.isEmpty }

  /// The next body that is full; nil: none is.
  mutating func takeFull() -> RecordBody<Mark>? { ready.isEmpty ? nil : ready.removeFirst() }

  /// What remains; nil: nothing.
  mutating func takeRest() -> RecordBody<Mark>? {
    if !isEmpty { cut() }
    return takeFull()
  }

  private mutating func cut() {
    ready.append(body)
    body = RecordBody(registry: registry)
  }

  /// Where the lines that fit end, and how many they are.
  private func fitting(_ lines: ArraySlice<UInt8>) -> (end: Int, count: Int) {
    var end = lines.startIndex
    var count = 0
    while end < lines.endIndex {
      let next = (lines[end...].firstIndex(of: 10) ?? lines.endIndex - 1) + 1
      // A single line that is too long is sent alone, for the backend to judge.
      let isFirst = isEmpty && count == 0
      if !isFirst,
        body.lines + count >= limits.lines
          || body.bytes.count + next - lines.startIndex > limits.bytes
      {
        break
      }
      count += 1
      end = next
    }
    return (end, count)
  }
}
