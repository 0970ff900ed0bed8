import Cryptography
import Database
import FarmModel
import Foundation
import HTTPTypes
import Hummingbird

/// What the registry sync reports.
struct RegistryRoutes: Sendable {
  let state: APIState

  func add(to router: Router<BackendContext>) {
    router.post("api/v1/registry/versions") { request, _ in try await versions(request) }
  }

  private func versions(_ request: Request) async throws -> Response {
    try authorize(request)
    var reader = RecordReader(maximumBytes: state.configuration.maximumRegistryBytes)
    for try await buffer in request.body { try reader.read(buffer.readableBytesView) }
    let records = try reader.finish()
    let versions: [IngestedVersion]
    do {
      versions = try await state.database.ingest(records.map(\.record))
    } catch let error as RegistryError {
      throw Problem.invalid("\(error)", line: line(of: error, in: records))
    }
    // Those that were there already, too: the last time may have ended between the two steps.
    let jobs = try await state.planner.plan(versions)
    let counts = Dictionary(versions.map { ($0.change, 1) }, uniquingKeysWith: +)
    return try .json(
      RegistryReceipt(
        added: counts[.added] ?? 0, changed: counts[.changed] ?? 0,
        unchanged: counts[.unchanged] ?? 0, jobs: jobs), caching: .never)
  }

  private func authorize(_ request: Request) throws {
    let token = request.bearerToken ?? ""
    guard let expected = state.configuration.registryToken,
      // Digests are of one length: nothing tells how long the token is.
      constantTimeEqual(SHA256.digest(of: token.utf8), SHA256.digest(of: expected.utf8))
    else {
      throw Problem(
        .unauthorized, .unauthorized, "the registry sync's bearer token is needed",
        headers: [.wwwAuthenticate: "Bearer"])
    }
  }

  private func line(of error: RegistryError, in records: [NumberedRecord]) -> Int? {
    switch error {
    case .versionBeforeRegistry: records.first?.line
    case .nameTaken(let name):
      records.first { numbered in
        guard case .version(let version) = numbered.record else { return false }
        return version.crate.text == name
      }?.line
    }
  }
}

/// A record and its line, from 1.
struct NumberedRecord: Sendable, Equatable {
  var line: Int
  var record: RegistryRecord
}

/// Reads NDJSON line by line, as the bytes come.
struct RecordReader {
  /// The longest line, in bytes.
  static let maximumLine = 1 << 20

  private let maximumBytes: Int
  private var bytes = 0
  private var line = 1
  private var partial: [UInt8] = []
  private var records: [NumberedRecord] = []

  init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

  /// - Throws: ``Problem`` with the number of the line that is no record.
  mutating func read(_ chunk: some Collection<UInt8>) throws {
    bytes += chunk.count
    guard bytes <= maximumBytes else {
      throw Problem(
        .contentTooLarge, .tooLarge,
        "the body has more than \(maximumBytes) bytes: send fewer lines at once")
    }
    var rest = chunk[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      partial += rest[..<end]
      try endLine()
      rest = rest[rest.index(after: end)...]
    }
    partial += rest
    guard partial.count <= Self.maximumLine else { throw tooLong }
  }

  /// The records; the last line needs no line feed.
  mutating func finish() throws -> [NumberedRecord] {
    if !partial.isEmpty { try endLine() }
    return records
  }

  private var tooLong: Problem {
    .invalid("line \(line) has more than \(Self.maximumLine) bytes", line: line)
  }

  private mutating func endLine() throws {
    defer {
      partial = []
      line += 1
    }
    guard partial.count <= Self.maximumLine else { throw tooLong }
    guard partial.contains(where: { $0 > 32 }) else { return }
    let text = withoutNullCharacters(String(decoding: partial, as: UTF8.self))
    do {
      let record = try JSONDecoder().decode(RegistryRecord.self, from: Data(text.utf8))
      try check(record)
      records.append(NumberedRecord(line: line, record: record))
    } catch let error as DecodingError {
      throw Problem.invalid("line \(line): \(Self.explain(error))", line: line)
    }
  }

  private func check(_ record: RegistryRecord) throws {
    guard case .version(let version) = record else { return }
    let isChecksum =
      version.checksum.utf8.count == 64
      && version.checksum.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    guard isChecksum else {
      throw Problem.invalid(
        "line \(line): “checksum” must be 64 lower-case hexadecimal digits", line: line)
    }
    guard version.publishedAt.map({ (0...253_402_300_799).contains($0) }) ?? true else {
      throw Problem.invalid(
        "line \(line): “published_at” must be seconds since 1970, up to the year 9999", line: line)
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
