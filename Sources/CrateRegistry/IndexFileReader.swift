import CIndexLines
public import FarmModel

/// What a line of an index file is.
public enum IndexLine: Sendable {
  /// A version, and where its line is in the file.
  case entry(IndexEntry, Range<Int>)
  case problem(IndexProblem)
}

/// Reads index files one after the other, as fast as a first sync of millions of lines needs.
public final class IndexFileReader {
  /// The newest line format that is understood.
  static let newestFormat: Int64 = 2

  private let reader: OpaquePointer
  /// The name on the line before: nearly always that of the next one, too.
  private var lastName: CrateName?

  public init() {
    guard let reader = buildsrs_index_reader_make() else { fatalError("there is no memory left") }
    self.reader = reader
  }

  deinit { buildsrs_index_reader_free(reader) }

  /// Calls `body` with every line but empty ones.
  ///
  /// - Parameter crate: the crate whose file this is; lines of another crate are problems.
  public func read(_ file: [UInt8], of crate: CrateName?, _ body: (IndexLine) -> Void) {
    let normalized = crate?.normalized
    lastName = nil
    file.withUnsafeBufferPointer { file in
      var number = 0
      var start = 0
      while start < file.count {
        let end = file[start...].firstIndex(of: 0x0A) ?? file.count
        number += 1
        let line = UnsafeBufferPointer(rebasing: file[start..<end])
        if line.contains(where: { $0 > 0x20 }) {
          do throws(LineProblem) {
            let entry = try entry(line, readable: file.count - start, crate, normalized)
            body(.entry(entry, start..<end))
          } catch {
            body(
              .problem(
                IndexProblem(line: number, reason: error.reason, version: error.version)))
          }
        }
        start = end + 1
      }
    }
  }

  private func entry(
    _ line: UnsafeBufferPointer<UInt8>, readable: Int, _ crate: CrateName?, _ normalized: String?
  ) throws(LineProblem) -> IndexEntry {
    var found = buildsrs_index_line()
    guard buildsrs_index_read(reader, line.baseAddress, line.count, readable, &found) else {
      throw LineProblem(reason: "the line is no JSON object")
    }
    do throws(LineProblem) {
      let format = found.format_state.isNothing ? 1 : found.format
      guard found.format_state != buildsrs_field_of_other_type else {
        throw LineProblem(reason: "v: expected a whole number")
      }
      guard (1...Self.newestFormat).contains(format) else {
        throw LineProblem(reason: "the line has the format \(format); this program knows 1 and 2")
      }
      return try entry(found, crate, normalized)
    } catch {
      throw LineProblem(reason: error.reason, version: found.version.text.flatMap { Semver($0) })
    }
  }

  private func entry(
    _ found: buildsrs_index_line, _ crate: CrateName?, _ normalized: String?
  ) throws(LineProblem) -> IndexEntry {
    let name = try name(found.name)
    let versionText = try found.version.required("vers")
    guard let version = Semver(versionText) else {
      throw LineProblem(reason: "vers: “\(versionText)” is no semantic version")
    }
    guard let checksum = CrateChecksum(try found.checksum.required("cksum")) else {
      throw LineProblem(reason: "cksum: the checksum is not 64 hexadecimal digits")
    }
    guard found.yanked_state != buildsrs_field_of_other_type else {
      throw LineProblem(reason: "yanked: expected true or false")
    }
    let rustVersion = try found.rust_version.optional("rust_version")
    let published = try found.published.optional("pubtime").flatMap(Timestamp.seconds(of:))
    if let crate, name != crate, name.normalized != normalized {
      throw LineProblem(reason: "the line is of the crate '\(name)', not '\(crate)'")
    }
    return IndexEntry(
      name: name, version: version, checksum: checksum,
      isYanked: found.yanked_state == buildsrs_field_present && found.yanked,
      rustVersion: rustVersion, publishedAt: published)
  }

  private func name(_ field: buildsrs_field_text) throws(LineProblem) -> CrateName {
    if let lastName, field.state == buildsrs_field_present,
      lastName.text.utf8.elementsEqual(field.buffer)
    {
      return lastName
    }
    let text = try field.required("name")
    guard let name = CrateName(text) else {
      throw LineProblem(reason: "name: “\(text)” is no crate name")
    }
    lastName = name
    return name
  }
}

private struct LineProblem: Error {
  let reason: String
  var version: Semver?
}

extension buildsrs_field_state {
  fileprivate var isNothing: Bool { self == buildsrs_field_absent || self == buildsrs_field_null }
}

extension buildsrs_field_text {
  fileprivate var buffer: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: bytes, count: length)
  }

  fileprivate var text: String? {
    state == buildsrs_field_present ? String(decoding: buffer, as: UTF8.self) : nil
  }

  fileprivate func required(_ field: String) throws(LineProblem) -> String {
    guard let text = try optional(field) else {
      throw LineProblem(
        reason: state == buildsrs_field_null
          ? "\(field): expected a text, found null" : "the field '\(field)' is missing")
    }
    return text
  }

  fileprivate func optional(_ field: String) throws(LineProblem) -> String? {
    guard state != buildsrs_field_of_other_type else {
      throw LineProblem(reason: "\(field): expected a text")
    }
    return text
  }
}
