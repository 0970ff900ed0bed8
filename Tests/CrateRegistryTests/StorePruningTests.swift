import Blocking
import CrateRegistry
import FarmModel
import Foundation
import Testing

@Suite("Pruning the crate store")
struct StorePruningTests {
  /// A crate of 64 KiB in the store, last used some seconds ago.
  private func put(_ digit: Character, used secondsAgo: Int, in store: String) throws
    -> CrateChecksum
  {
    let checksum = try #require(CrateChecksum(String(repeating: digit, count: 64)))
    let path = "\(store)/\(checksum.storePath)"
    try FileManager.default.createDirectory(
      atPath: path + "/src", withIntermediateDirectories: true)
    try Data(count: 64 << 10).write(to: URL(filePath: path + "/src/lib.rs"))
    for part in ["/src/lib.rs", "/src", ""] { chmod(path + part, 0o555) }
    CrateStore.use([checksum], in: store)?.release()
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -Double(secondsAgo))],
      ofItemAtPath: "\(store)/used/\(checksum.hex)")
    return checksum
  }

  @Test("the crates unused for longest go first, and only as many as needed")
  func oldestFirst() async throws {
    try await withFolder { store in
      let old = try put("a", used: 300_000, in: store)
      let older = try put("b", used: 400_000, in: store)
      let young = try put("c", used: 200_000, in: store)
      let pruning = CrateStore.prune(folder: store, limit: 100 << 10)
      #expect(pruning.removed == 2)
      #expect(pruning.bytesBefore - pruning.bytesFreed <= 100 << 10)
      func isThere(_ crate: CrateChecksum) -> Bool {
        FileManager.default.fileExists(atPath: "\(store)/\(crate.storePath)")
      }
      #expect(!isThere(old) && !isThere(older) && isThere(young))
      #expect(files(in: store + "/unpacking") == [])
      #expect(files(in: store + "/used") == [young.hex])
    }
  }

  @Test("what a build may still be reading stays, whatever the limit")
  func recentlyUsed() async throws {
    try await withFolder { store in
      _ = try put("a", used: 3600, in: store)
      #expect(CrateStore.prune(folder: store, limit: 0).removed == 0)
      #expect(CrateStore.prune(folder: store, limit: 0, unusedFor: .seconds(60)).removed == 1)
    }
  }

  @Test("a store below its limit is left alone, and one that is not there too")
  func nothingToDo() async throws {
    try await withFolder { store in
      _ = try put("a", used: 300_000, in: store)
      #expect(CrateStore.prune(folder: store, limit: 1 << 30).removed == 0)
      #expect(CrateStore.prune(folder: store + "/absent", limit: 0) == StorePruning())
    }
  }
}
