import Foundation
import Testing

@testable import RegistrySync

@Suite("What a sync remembers of a sparse index")
struct CrateMemoryTests {
  private let path = FileManager.default.temporaryDirectory.appending(path: "crates-\(UUID())").path

  private func crate(
    _ digest: UInt64, _ validator: String = "E\"x\"", versions: Int? = nil
  ) -> RememberedCrate {
    RememberedCrate(digest: digest, validator: validator, versions: versions)
  }

  @Test("is appended to a file, of which the last line of a crate counts")
  func appended() async throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    var memory = try await CrateMemory.load(path)
    memory.remember("a", crate(1))
    memory.remember("b", crate(2, ""))
    try await memory.save()
    let size = try Data(contentsOf: URL(filePath: path)).count
    memory.remember("a", crate(.max, "Lthen"))
    memory.remember("b", crate(2, "", versions: 7))
    try await memory.save()
    #expect(try Data(contentsOf: URL(filePath: path)).count < 3 * size + 20)
    let read = try await CrateMemory.load(path)
    #expect(read.crates == ["a": crate(.max, "Lthen"), "b": crate(2, "", versions: 7)])
    #expect(read["a"]?.lastModified == "then" && read["a"]?.etag == nil)
  }

  @Test("a line that was cut counts as none, and does not spoil the next")
  func cut() async throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data("a\t1\tE1\nb\t2".utf8).write(to: URL(filePath: path))
    var memory = try await CrateMemory.load(path)
    #expect(memory.crates == ["a": crate(1, "E1")])
    memory.remember("c", crate(3, "E3"))
    try await memory.save()
    #expect(try await CrateMemory.load(path).crates == ["a": crate(1, "E1"), "c": crate(3, "E3")])
  }

  @Test("is written anew when most of the file is out of date")
  func anew() async throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    var memory = try await CrateMemory.load(path)
    for digest in 0..<30_000 as Range<UInt64> {
      memory.remember("a", crate(digest))
      if digest % 1000 == 0 { try await memory.save() }
    }
    try await memory.save()
    let lines = try Data(contentsOf: URL(filePath: path)).count { $0 == 10 }
    #expect(lines < 10_100)
    #expect(try await CrateMemory.load(path)["a"] == crate(29_999))
  }
}
