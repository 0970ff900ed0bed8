import Foundation
import Testing

@testable import Builder

@Suite("Directories of builds by hand")
struct LocalWorkTests {
  private func withState(_ body: (String) async throws -> Void) async throws {
    let state = NSTemporaryDirectory() + "local-work-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: state) }
    try await body(state)
  }

  private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  @Test("one that somebody works in is left alone")
  func held() async throws {
    try await withState { state in
      let work = try LocalWork("demo", in: state, module: "/module.so")
      #expect(LocalWork.removeLeftovers(in: state) == [])
      #expect(exists(work.path))
      await work.remove()
      #expect(try FileManager.default.contentsOfDirectory(atPath: state + "/local") == [])
    }
  }

  @Test("what a killed process has left is removed, and it is told whose it was")
  func killed() async throws {
    try await withState { state in
      let folder = state + "/local/demo-1"
      try FileManager.default.createDirectory(
        atPath: folder + "/target", withIntermediateDirectories: true)
      let holder = LocalWork.Holder(owner: "local-ab", module: "/module.so")
      try JSONEncoder().encode(holder).write(to: URL(filePath: folder + ".holder"))
      #expect(LocalWork.removeLeftovers(in: state) == [holder])
      #expect(try FileManager.default.contentsOfDirectory(atPath: state + "/local") == [])
    }
  }

  @Test("a directory that somebody wanted to keep stays")
  func kept() async throws {
    try await withState { state in
      let work = try LocalWork("demo", in: state, module: "/module.so")
      work.leave()
      #expect(LocalWork.removeLeftovers(in: state) == [])
      #expect(exists(work.path))
    }
  }

  @Test("where no directory can be made, the reason is told")
  func impossible() {
    #expect(throws: (any Error).self) {
      try LocalWork("demo", in: "/dev/null/state", module: "/module.so")
    }
  }
}
