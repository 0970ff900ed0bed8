import CrateRegistry
import FarmModel
import Foundation
import TestSupport
import Testing

@Suite("An index in a git repository", .timeLimit(.minutes(1)))
struct GitIndexTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "index-\(UUID())")
    .path(percentEncoded: false)

  private func index(_ repository: GitRepository) throws -> GitIndex {
    try GitIndex(url: "git+file://\(repository.folder)", folder: folder + "/index.git")
  }

  private func clean() { try? FileManager.default.removeItem(atPath: folder) }

  @Test("all crates of a commit are listed, in order, and nothing else")
  func list() async throws {
    defer { clean() }
    let repository = try await GitRepository()
    try await repository.commit([
      "config.json": #"{"dl":"http://h/{crate}"}"#, "README.md": "x", ".github/workflows/a": "x",
      "3/a/abc": "one\n", "fo/ob/foobar": "two\n", "1/a": "", "3/b/abc": "wrong folder",
      "fo/ob/Foobar": "wrong case",
    ])
    let index = try index(repository)
    let commit = try await index.update()
    #expect(try await repository.head() == commit)
    let crates = try await index.crates(at: commit)
    #expect(crates.map(\.crate.text) == ["a", "abc", "foobar"])
    #expect(crates.allSatisfy { $0.old == nil })
    #expect(try await index.configuration(at: commit).download.text == "http://h/{crate}")
    let named = try ["none", "FooBar", "a-b"].map { GitIndex.object(of: try name($0), at: commit) }
    let found = try await index.read(named) { (files) throws(RegistryError) in
      var found: [[UInt8]?] = []
      for _ in named { found.append(try await files.nextIfAny()) }
      return found
    }
    #expect(found == [nil, Array("two\n".utf8), nil])
    let texts = try await index.read(crates.compactMap(\.new)) { (files) throws(RegistryError) in
      var texts: [String] = []
      for _ in crates { texts.append(String(decoding: try await files.next(), as: UTF8.self)) }
      return texts
    }
    #expect(texts == ["", "one\n", "two\n"])
  }

  @Test("between two commits only what differs is listed, also when the history was squashed")
  func difference() async throws {
    defer { clean() }
    let repository = try await GitRepository()
    try await repository.commit(["3/a/abc": "one", "3/x/xyz": "two", "1/a": "three"])
    let index = try index(repository)
    let first = try await index.update()
    try await index.keep(first, as: "acknowledged")
    try await repository.commit(
      ["3/a/abc": "one!", "1/a": "three", "2/ab": "four", "config.json": "{}"], isRoot: true)
    let second = try await index.update()
    let changes = try await index.changes(from: first, to: second)
    #expect(changes.map(\.crate.text) == ["ab", "abc", "xyz"])
    #expect(changes.map { $0.old == nil } == [true, false, false])
    #expect(changes.map { $0.new == nil } == [false, false, true])
    // What is kept outlives the tidying of what nothing names.
    try await repository.run(["gc", "--quiet", "--prune=now"])
    let has = [
      await index.has(first), await index.has(second),
      await index.has(String(repeating: "0", count: 40)),
    ]
    #expect(has == [true, true, false])
  }

  @Test("a large file is read whole")
  func large() async throws {
    defer { clean() }
    let repository = try await GitRepository()
    let texts = [
      "1/a": String(repeating: "0123456789\n", count: 300_000), "1/b": "", "2/cc": "x",
    ]
    try await repository.commit(texts)
    let index = try index(repository)
    let crates = try await index.crates(at: try await index.update())
    try await index.read(crates.compactMap(\.new)) { (files) throws(RegistryError) in
      for crate in crates {
        let bytes = try await files.next()
        let path = crate.crate.text.count == 1 ? "1/\(crate.crate)" : "2/\(crate.crate)"
        #expect(bytes.elementsEqual(texts[path, default: "?"].utf8))
      }
    }
  }

  @Test("a clone of another index is replaced; what is no repository is told")
  func otherRemote() async throws {
    defer { clean() }
    let one = try await GitRepository()
    try await one.commit(["1/a": "x"])
    _ = try await index(one).update()
    let other = try await GitRepository()
    try await other.commit(["1/b": "x"])
    let commit = try await index(other).update()
    #expect(try await index(other).crates(at: commit).map(\.crate.text) == ["b"])
    let empty = try await GitRepository()
    let nothing = await failure { try await index(empty).update() }
    guard case .git("clone", let what) = nothing else {
      Issue.record("\(String(describing: nothing))")
      return
    }
    #expect(what.hasSuffix("it is empty, or HEAD names a branch that is not there"), "\(what)")
    let error = await failure {
      try await GitIndex(url: "git+file:///nonexistent/x", folder: folder + "/none").update()
    }
    guard case .git("clone", let reason) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(reason.contains("/nonexistent/x"))
    #expect(error?.isTransient == true)
    #expect(!FileManager.default.fileExists(atPath: folder + "/none"))
  }

  @Test("an object that the clone lacks is an error")
  func missingObject() async throws {
    defer { clean() }
    let repository = try await GitRepository()
    try await repository.commit(["1/a": "x"])
    let index = try index(repository)
    _ = try await index.update()
    let error = await failure {
      try await index.read([String(repeating: "1", count: 40)]) { (files) throws(RegistryError) in
        try await files.next()
      }
    }
    guard case .git("cat-file", _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    "other URLs are refused",
    arguments: [
      "https://h/x", "git+ssh://h/x", "git+file://h/x", "git+https://", "sparse+http://h/",
    ])
  func urls(url: String) {
    #expect(throws: RegistryError.badGitURL(url)) { try GitIndex(url: url, folder: "/tmp/x") }
  }
}
