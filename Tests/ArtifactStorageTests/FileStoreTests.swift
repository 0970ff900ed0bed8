import ArtifactStorage
import Cryptography
import Foundation
import Testing

@Suite("Storage in files")
struct FileStoreTests {
  /// A folder of one test.
  final class Folder: Sendable {
    let path = FileManager.default.temporaryDirectory.appending(path: "storage-\(UUID())").path
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func files() throws -> [String] {
      var found: [String] = []
      for case let name as String in FileManager.default.enumerator(atPath: path) ?? .init() {
        found.append(name)
      }
      return found.sorted()
    }
  }

  let folder = Folder()

  @Test("files do what every store must do")
  func exercise() async throws {
    let count = Counter()
    try await exerciseStorage {
      FileStore(root: "\(folder.path)/\(await count.next())/deep/root/")
    }
  }

  actor Counter {
    private var value = 0
    func next() -> Int {
      value += 1
      return value
    }
  }

  @Test("a store is not made by looking into it")
  func lazy() async throws {
    let store = FileStore(root: folder.path)
    #expect(try await store.readMarker() == nil)
    #expect(!FileManager.default.fileExists(atPath: folder.path))
  }

  @Test("a writer that is dropped, aborted or refused leaves no file")
  func noLeftovers() async throws {
    let store = FileStore(root: folder.path)
    let key = try StorageKey("a/b")
    try await store.begin(key).write([1])
    let aborted = try await store.begin(key)
    await aborted.abort()
    await #expect(throws: StorageError.self) {
      try await store.put(key, bytes: [1], expecting: ExpectedContent(size: 2))
    }
    #expect(try folder.files() == [".partial"])
  }

  @Test("what a killed writer left is swept by its age")
  func sweeping() async throws {
    let store = FileStore(root: folder.path)
    let key = try StorageKey("a")
    try await store.put(key, bytes: [1])
    let stale = "\(folder.path)/.partial/0123"
    #expect(FileManager.default.createFile(atPath: stale, contents: Data([1])))
    #expect(await store.sweepPartials(olderThan: 3600) == 0)
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: stale)
    #expect(await store.sweepPartials(olderThan: 3600) == 1)
    #expect(try folder.files() == [".partial", "a"])
  }

  @Test("a deleted upload takes its empty folders along")
  func pruning() async throws {
    let digest = String(repeating: "0a", count: 32)
    let store = FileStore(root: folder.path)
    try await store.put(.upload(job: 1, attempt: 1, sha256: digest, name: "x"), bytes: [1])
    try await store.put(.upload(job: 2, attempt: 1, sha256: digest, name: "x"), bytes: [1])
    try await store.delete(.upload(job: 1, attempt: 1, sha256: digest, name: "x"))
    let left = ["uploads", "uploads/2", "uploads/2/1", "uploads/2/1/\(digest)"]
    #expect(try folder.files() == [".partial"] + left + ["uploads/2/1/\(digest)/x"])
  }

  @Test("a local file is stored by its bytes; a missing one is named")
  func localFiles() async throws {
    let store = FileStore(root: folder.path + "/store")
    try FileManager.default.createDirectory(
      atPath: folder.path, withIntermediateDirectories: true)
    let path = folder.path + "/source"
    let bytes = Data(repeating: 7, count: 600_000)
    try bytes.write(to: URL(filePath: path))
    let key = try StorageKey("copy")
    let content = try await store.put(key, fromFile: path)
    #expect(content.sha256 == SHA256.hex(of: bytes))
    #expect(content.size == 600_000)
    await #expect(
      throws: StorageError.failed(
        operation: "open", name: path + "2", reason: "No such file or directory")
    ) { try await store.put(key, fromFile: path + "2") }
  }

  @Test("a root that cannot be written is an error that names it")
  func unwritable() async throws {
    let path = folder.path
    #expect(FileManager.default.createFile(atPath: path, contents: nil))
    let store = FileStore(root: path + "/below")
    await #expect(
      throws: StorageError.failed(
        operation: "make", name: path + "/below/.partial", reason: "Not a directory")
    ) { try await store.put(StorageKey("a"), bytes: [1]) }
  }
}
