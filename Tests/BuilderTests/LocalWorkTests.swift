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
      let holder = LocalWork.Holder(owner: "local-0123456789", module: "module.so")
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

  @Test("the file tells the module's name, and no place where anybody could have put one")
  func moduleName() async throws {
    try await withState { state in
      let work = try LocalWork("demo", in: state, module: "/where/ever/module.so")
      let file = try Data(contentsOf: URL(filePath: work.path + ".holder"))
      let holder = try JSONDecoder().decode(LocalWork.Holder.self, from: file)
      #expect(holder.module == "module.so" && holder.isPlausible)
      await work.remove()
    }
  }

  @Test(
    "a file that no program of the farm wrote leads to no module",
    arguments: [
      ("local-0123456789", "/tmp/evil.so"), ("local-0123456789", "../evil.so"),
      ("../../x", "module.so"), ("0123456789abcdef", "module.so"), ("local-0123456789", "sh"),
    ])
  func implausible(owner: String, module: String) async throws {
    try await withState { state in
      try FileManager.default.createDirectory(
        atPath: state + "/local/demo-1", withIntermediateDirectories: true)
      try JSONEncoder().encode(LocalWork.Holder(owner: owner, module: module))
        .write(to: URL(filePath: state + "/local/demo-1.holder"))
      #expect(LocalWork.removeLeftovers(in: state) == [])
    }
  }

  @Test(
    "files of another user are left alone", .enabled(if: geteuid() == 0, "only root gives away"))
  func foreign() async throws {
    try await withState { state in
      let folder = state + "/local/demo-1"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let holder = LocalWork.Holder(owner: "local-0123456789", module: "module.so")
      try JSONEncoder().encode(holder).write(to: URL(filePath: folder + ".holder"))
      #expect(chown(folder + ".holder", 65534, 65534) == 0)
      #expect(LocalWork.removeLeftovers(in: state) == [])
      #expect(exists(folder) && exists(folder + ".holder"))
    }
  }

  @Test("a file that its writer did not come to name is removed")
  func draft() async throws {
    try await withState { state in
      try FileManager.default.createDirectory(
        atPath: state + "/local", withIntermediateDirectories: true)
      try Data().write(to: URL(filePath: state + "/local/demo-1.draft"))
      #expect(LocalWork.removeLeftovers(in: state) == [])
      #expect(try FileManager.default.contentsOfDirectory(atPath: state + "/local") == [])
    }
  }

  @Test("where no directory can be made, the reason is told")
  func impossible() {
    #expect(throws: (any Error).self) {
      try LocalWork("demo", in: "/dev/null/state", module: "/module.so")
    }
  }
}
