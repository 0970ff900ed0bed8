import Blocking
import Foundation

/// What is remembered of one crate of a sparse index.
struct RememberedCrate: Sendable, Equatable {
  /// The begin of the digest of its index file, as the backend knows it; ``missing``: there is none.
  var digest: UInt64
  /// `E` and the file's `ETag`, or `L` and its `Last-Modified`; empty: neither.
  var validator: String
  /// How many versions the file lists; nil: unknown, as of a line of an older sync.
  var versions: Int?

  /// Of a crate that the registry does not have.
  static let missing = RememberedCrate(digest: 0, validator: "")

  var isMissing: Bool { digest == Self.missing.digest && validator.isEmpty }
  var etag: String? { validator.hasPrefix("E") ? String(validator.dropFirst()) : nil }
  var lastModified: String? { validator.hasPrefix("L") ? String(validator.dropFirst()) : nil }

  init(digest: UInt64, validator: String, versions: Int? = nil) {
    self.digest = digest
    self.validator = validator
    self.versions = versions
  }

  /// - Parameter digest: SHA-256.
  init(digest: [UInt8], etag: String?, lastModified: String?) {
    self.digest = digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    let text = etag.map { "E" + $0 } ?? lastModified.map { "L" + $0 } ?? ""
    validator = text.utf8.allSatisfy { $0 >= 0x20 } ? text : ""
  }
}

/// What is remembered of all crates of a sparse index: in memory, and in a file to which it is
/// appended, so that a change of one crate does not write those of all.
///
/// A line a crate: name, digest, validator, number of versions, separated by tabs; the last line of a
/// crate counts, and a line that a crash has cut counts as none.
struct CrateMemory: Sendable {
  private(set) var crates: [String: RememberedCrate] = [:]
  private let path: String
  /// Lines of the file that is there.
  private var linesInFile = 0
  /// What is not in the file yet.
  private var pending: [UInt8] = []
  private var pendingLines = 0

  /// Rewriting is worth it when more than this many lines are not the last of their crate.
  private static let slack = 10_000

  /// What the file says; nothing where there is none.
  static func load(_ path: String) async throws(SyncError) -> CrateMemory {
    try await offCooperativePool { () throws(SyncError) in
      var memory = CrateMemory(path)
      guard FileManager.default.fileExists(atPath: path) else { return memory }
      do {
        try memory.read(Data(contentsOf: URL(filePath: path), options: .alwaysMapped))
      } catch {
        throw .state(path: path, reason: error.localizedDescription)
      }
      return memory
    }
  }

  private init(_ path: String) { self.path = path }

  subscript(crate: String) -> RememberedCrate? { crates[crate] }

  mutating func remember(_ crate: String, _ remembered: RememberedCrate) {
    guard crates.updateValue(remembered, forKey: crate) != remembered else { return }
    Self.append(crate, remembered, to: &pending)
    pendingLines += 1
  }

  /// Appends to the file what it lacks, or writes it anew when most of it is out of date.
  mutating func save() async throws(SyncError) {
    guard pendingLines > 0 else { return }
    let isFull = linesInFile + pendingLines > 2 * crates.count + Self.slack
    let (bytes, lines) = isFull ? (whole, crates.count) : (pending, linesInFile + pendingLines)
    try await offCooperativePool { [path] () throws(SyncError) in
      try Self.write(bytes, to: path, anew: isFull)
    }
    linesInFile = lines
    pending = []
    pendingLines = 0
  }

  private var whole: [UInt8] {
    var bytes: [UInt8] = []
    for (crate, remembered) in crates { Self.append(crate, remembered, to: &bytes) }
    return bytes
  }

  private static func append(
    _ crate: String, _ remembered: RememberedCrate, to bytes: inout [UInt8]
  ) {
    bytes += crate.utf8
    bytes.append(9)
    bytes += String(remembered.digest, radix: 16).utf8
    bytes.append(9)
    bytes += remembered.validator.utf8
    if let versions = remembered.versions {
      bytes.append(9)
      bytes += String(versions).utf8
    }
    bytes.append(10)
  }

  private mutating func read(_ file: Data) {
    let text = [UInt8](file)
    var rest = text[...]
    while let end = rest.firstIndex(of: 10) {
      linesInFile += 1
      let fields = rest[..<end].split(separator: 9, omittingEmptySubsequences: false)
      if (3...4).contains(fields.count), !fields[0].isEmpty,
        let digest = UInt64(String(decoding: fields[1], as: UTF8.self), radix: 16)
      {
        crates[String(decoding: fields[0], as: UTF8.self)] = RememberedCrate(
          digest: digest, validator: String(decoding: fields[2], as: UTF8.self),
          versions: fields.count == 4 ? Int(String(decoding: fields[3], as: UTF8.self)) : nil)
      }
      rest = rest[(end + 1)...]
    }
    // What was cut must not become the begin of the next line.
    if !rest.isEmpty { pending.append(10) }
  }

  private static func write(_ bytes: [UInt8], to path: String, anew: Bool) throws(SyncError) {
    do {
      if anew || !FileManager.default.fileExists(atPath: path) {
        try Data(bytes).write(to: URL(filePath: path), options: .atomic)
      } else {
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        defer { try? file.close() }
        try file.seekToEnd()
        try file.write(contentsOf: Data(bytes))
      }
    } catch {
      throw .state(path: path, reason: error.localizedDescription)
    }
  }
}
