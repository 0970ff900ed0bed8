import Database
import FarmModel
import Foundation
import HTTPTypes

/// Reads the NDJSON of the registry sync.
struct RegistryBody {
  private let maximumBytes: Int
  private var bytes: [UInt8] = []

  init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

  /// Takes in bytes as they come.
  ///
  /// - Throws: ``Problem`` where there are too many.
  mutating func append(_ chunk: some Collection<UInt8>) throws {
    guard bytes.count + chunk.count <= maximumBytes else {
      throw Problem(
        .contentTooLarge, .tooLarge,
        "the body has more than \(maximumBytes) bytes: send fewer lines at once")
    }
    bytes.append(contentsOf: chunk)
  }

  /// The lines; the last one needs no line feed. Takes time in proportion to the body.
  ///
  /// - Throws: ``Problem`` with the number of the first line that is no record, or does not fit those
  ///   before.
  func batch() throws -> RegistryBatch {
    var batch = RegistryBatch()
    let all = bytes.span
    var line = 1
    var start = 0
    while start < all.count {
      var end = start
      while end < all.count, all[end] != UInt8(ascii: "\n") { end += 1 }
      do {
        try Self.add(all.extracting(start..<end), line: line, to: &batch)
      } catch let error as RegistryError {
        throw Problem.invalid("\(error)", line: error.line)
      }
      start = end + 1
      line += 1
    }
    return batch
  }

  private static func add(_ bytes: Span<UInt8>, line: Int, to batch: inout RegistryBatch) throws {
    guard bytes.count <= RegistryLimits.line else {
      throw Problem.invalid(
        "line \(line) has more than \(RegistryLimits.line) bytes", line: line)
    }
    switch PlainRecord(bytes) {
    case .version(let version):
      if try batch.add(version, of: bytes, line: line) { return }
    case .crate(let crate):
      if try batch.add(crate, of: bytes, line: line) { return }
    case nil: break
    }
    if let record = try record(bytes, line: line) { try batch.add(record, line: line) }
  }

  /// Nil for an empty line.
  private static func record(_ bytes: Span<UInt8>, line: Int) throws -> RegistryRecord? {
    let raw = bytes.withUnsafeBufferPointer { Array($0) }
    guard raw.contains(where: { $0 > 32 }) else { return nil }
    let text = withoutNullCharacters(String(decoding: raw, as: UTF8.self))
    do {
      let record = try JSONDecoder().decode(RegistryRecord.self, from: Data(text.utf8))
      try check(record, line: line)
      return record
    } catch let error as DecodingError {
      throw Problem.invalid("line \(line): \(explain(error))", line: line)
    }
  }

  private static func check(_ record: RegistryRecord, line: Int) throws {
    switch record {
    case .registry(let registry):
      // It is looked up by an index of the database.
      guard (1...RegistryLimits.indexURL).contains(registry.indexURL.utf8.count) else {
        throw Problem.invalid(
          "line \(line): “index_url” must have 1 to \(RegistryLimits.indexURL) bytes", line: line)
      }
    case .version(let version):
      let isChecksum =
        version.checksum.utf8.count == 64
        && version.checksum.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
      guard isChecksum else {
        throw Problem.invalid(
          "line \(line): “checksum” must be 64 lower-case hexadecimal digits", line: line)
      }
      guard version.publishedAt.map({ (0...RegistryLimits.lastSecond).contains($0) }) ?? true
      else {
        throw Problem.invalid(
          "line \(line): “published_at” must be seconds since 1970, up to the year 9999", line: line
        )
      }
    case .crate(let crate):
      guard crate.downloads ?? 0 >= 0 else {
        throw Problem.invalid("line \(line): “downloads” must not be negative", line: line)
      }
    }
  }

  private static func explain(_ error: DecodingError) -> String {
    func path(_ context: DecodingError.Context) -> String {
      context.codingPath.map(\.stringValue).joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, _): return "“\(key.stringValue)” is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return path(context).isEmpty
        ? "it is no JSON object" : "“\(path(context))” has the wrong type"
    case .dataCorrupted(let context):
      return path(context).isEmpty
        ? "it is no JSON" : "“\(path(context))”: \(context.debugDescription)"
    @unknown default: return "it is no record"
    }
  }
}
