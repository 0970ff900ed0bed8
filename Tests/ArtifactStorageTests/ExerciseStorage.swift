import ArtifactStorage
import Cryptography
import Foundation
import Testing

/// What every store must do. Each behaviour gets a store of its own from `make`, empty.
func exerciseStorage(_ make: () async throws -> any ArtifactStore) async throws {
  try await exerciseObjects(make())
  try await exerciseWriters(make())
  try await exerciseRanges(make())
  try await exerciseCopies(make())
  try await exerciseListing(make())
  try await exerciseMarker(make())
  try await exerciseRivals(make())
}

private func exerciseObjects(_ store: any ArtifactStore) async throws {
  let key = try StorageKey("artifacts/ab/tool.tar.gz")
  #expect(try await store.head(key) == nil)
  await #expect(throws: StorageError.notFound(key)) { try await store.read(key, range: nil) }
  try await store.delete(key)

  let content = try await store.put(key, bytes: Array("hello".utf8))
  #expect(content.size == 5)
  #expect(content.sha256 == SHA256.hex(of: "hello"))
  #expect(content.blake2b512 == blake2b(of: "hello"))
  #expect(try await store.head(key) == 5)
  #expect(try await text(of: key, in: store) == "hello")
  // A component of a key is not an object itself, and an object is no folder.
  #expect(try await store.head(StorageKey("artifacts/ab")) == nil)
  #expect(try await store.head(StorageKey("artifacts/ab/tool.tar.gz/x")) == nil)

  try await store.put(key, bytes: Array("replaced".utf8))
  #expect(try await text(of: key, in: store) == "replaced")
  try await store.put(StorageKey("empty"), bytes: [])
  #expect(try await text(of: StorageKey("empty"), in: store) == "")
  try await store.delete(key)
  try await store.delete(key)
  #expect(try await store.head(key) == nil)
}

private func exerciseWriters(_ store: any ArtifactStore) async throws {
  let key = try StorageKey("uploads/1/1/file")
  let writer = try await store.begin(key)
  try await writer.write(Array("one ".utf8))
  try await writer.write(Array("two".utf8))
  #expect(try await store.head(key) == nil, "an unfinished object is not visible")
  let expected = ExpectedContent(sha256: SHA256.hex(of: "one two"), size: 7)
  #expect(try await writer.finish(expecting: expected).blake2b512 == blake2b(of: "one two"))
  #expect(try await text(of: key, in: store) == "one two")
  await #expect(throws: StorageError.closed(key)) { try await writer.write([1]) }
  await #expect(throws: StorageError.closed(key)) { try await writer.finish(expecting: expected) }
  await writer.abort()
  #expect(try await store.head(key) == 7, "abort after finish does nothing")

  let wrongSize = ExpectedContent(size: 8)
  await #expect(throws: StorageError.mismatch(key, expected: "8 bytes", found: "1 bytes")) {
    try await store.put(key, bytes: [1], expecting: wrongSize)
  }
  let wrongDigest = ExpectedContent(sha256: SHA256.hex(of: "other"), size: 1)
  await #expect(throws: StorageError.self) {
    try await store.put(key, bytes: [1], expecting: wrongDigest)
  }
  let aborted = try await store.begin(key)
  try await aborted.write([1])
  await aborted.abort()
  #expect(try await text(of: key, in: store) == "one two", "failures leave the old object")
}

private func exerciseRanges(_ store: any ArtifactStore) async throws {
  let key = try StorageKey("large")
  let bytes = (0..<1_000_003).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
  try await store.put(key, bytes: bytes)
  let whole = try await store.read(key, range: nil)
  #expect(whole.size == 1_000_003)
  var pieces = 0
  for try await piece in whole.bytes {
    #expect(piece.count <= 256 << 10)
    pieces += 1
  }
  #expect(pieces > 1)
  for range: Range<Int64> in [0..<1, 7..<600_000, 999_999..<1_000_003] {
    let part = try await store.read(key, range: range)
    #expect(part.range == range)
    let same =
      try await part.collect() == Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    #expect(same)
  }
  #expect(try await store.read(key, range: 1_000_000..<2_000_000).range == 1_000_000..<1_000_003)
  await #expect(throws: StorageError.badRange(key, size: 1_000_003)) {
    try await store.read(key, range: 1_000_003..<1_000_004)
  }
}

private func exerciseCopies(_ store: any ArtifactStore) async throws {
  let upload = try StorageKey.upload(
    job: 7, attempt: 2, sha256: SHA256.hex(of: "bytes"), name: "a.tar.gz")
  let artifact = try StorageKey.artifact(sha256: SHA256.hex(of: "bytes"))
  await #expect(throws: StorageError.notFound(upload)) {
    try await store.copy(from: upload, to: artifact)
  }
  try await store.put(upload, bytes: Array("bytes".utf8))
  try await store.copy(from: upload, to: artifact)
  try await store.copy(from: upload, to: artifact)
  try await store.copy(from: artifact, to: artifact)
  try await store.put(upload, bytes: Array("later".utf8))
  try await store.delete(upload)
  #expect(try await text(of: artifact, in: store) == "bytes")
}

private func exerciseListing(_ store: any ArtifactStore) async throws {
  #expect(try await store.list(prefix: "", after: nil, limit: 10).isEmpty)
  let texts = [
    "a-b", "a.b", "a/b", "a/b.c", "a0", "uploads/1/1/x", "uploads/1/2/x", "uploads/10/1/x",
  ]
  for text in texts.shuffled() { try await store.put(StorageKey(text), bytes: [0]) }
  func names(_ prefix: String, after start: String? = nil, limit: Int = 100) async throws
    -> [String]
  {
    let start = try start.map { try StorageKey($0) }
    return try await store.list(prefix: prefix, after: start, limit: limit).map(\.key.text)
  }
  #expect(try await names("") == texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
  #expect(try await names("a/") == ["a/b", "a/b.c"])
  #expect(try await names("a") == ["a-b", "a.b", "a/b", "a/b.c", "a0"])
  #expect(try await names("uploads/1/") == ["uploads/1/1/x", "uploads/1/2/x"])
  #expect(try await names("none").isEmpty)
  var paged: [String] = []
  while case let page = try await names("", after: paged.last, limit: 3), !page.isEmpty {
    paged += page
  }
  #expect(paged == texts)
  let entry = try #require(try await store.list(prefix: "a0", after: nil, limit: 1).first)
  #expect(entry.size == 1)
  #expect(abs(Double(entry.modified) - Date().timeIntervalSince1970) < 600)
}

private func exerciseMarker(_ store: any ArtifactStore) async throws {
  #expect(try await store.readMarker() == nil)
  try await store.writeMarker(FarmMarker(farm: "f1"))
  try await store.writeMarker(FarmMarker(farm: "f1"))
  #expect(try await store.readMarker() == FarmMarker(farm: "f1"))
  await #expect(throws: StorageError.otherFarm(expected: "f2", found: "f1")) {
    try await store.writeMarker(FarmMarker(farm: "f2"))
  }
  try await store.put(.marker, bytes: Array("no JSON".utf8))
  await #expect(throws: StorageError.self) { try await store.readMarker() }
}

/// Many writers and deleters of the same keys: every reader sees a whole object or none.
private func exerciseRivals(_ store: any ArtifactStore) async throws {
  try await withThrowingTaskGroup(of: Void.self) { group in
    for number in 0..<40 {
      group.addTask {
        let key = try StorageKey("uploads/\(number % 3)/1/file")
        let content = [UInt8](repeating: UInt8(number), count: 10_000)
        try await store.put(key, bytes: content)
        do {
          let seen = try await store.read(key, range: nil).collect()
          #expect(seen.count == 10_000 && Set(seen).count == 1)
        } catch StorageError.notFound {
          // A rival has deleted it.
        }
        try await store.delete(key)
      }
    }
    try await group.waitForAll()
  }
  #expect(try await store.list(prefix: "", after: nil, limit: 10).isEmpty)
}

func text(of key: StorageKey, in store: any ArtifactStore) async throws -> String {
  String(decoding: try await store.read(key, range: nil).collect(), as: UTF8.self)
}

func blake2b(of text: String) -> [UInt8] {
  let digest = Digest(.blake2b512)
  digest.update(text.utf8)
  return digest.finalize()
}
