import Archives
import HandmadeArchives
import Testing

struct ReadTests {
  private func paths(
    _ tar: HandmadeTar, limits: ArchiveLimits = .init()
  ) throws(ArchiveError) -> [String] {
    var paths: [String] = []
    try readTarGz(from: .bytes(tar.tarGz), limits: limits) { (entry, _) throws(ArchiveError) in
      paths.append(entry.path)
    }
    return paths
  }

  private func refusal(_ tar: HandmadeTar, limits: ArchiveLimits = .init()) -> ArchiveError? {
    do throws(ArchiveError) {
      _ = try paths(tar, limits: limits)
      return nil
    } catch {
      return error
    }
  }

  @Test("entries come in order with their kind, mode, size and content")
  func entries() throws {
    var tar = HandmadeTar()
    tar.add("a/", kind: "5", mode: 0o755)
    tar.add("a/run", "echo", mode: 0o700)
    tar.add("a/é", "text")
    var seen: [String] = []
    try readTarGz(from: .bytes(tar.tarGz)) { (entry, content) throws(ArchiveError) in
      let text = String(decoding: try content.bytes(limit: 100), as: UTF8.self)
      seen.append("\(entry.path) \(entry.isDirectory) \(entry.isExecutable) \(entry.size) \(text)")
    }
    #expect(seen == ["a true true 0 ", "a/run false true 4 echo", "a/é false false 4 text"])
  }

  @Test("content that is not read is passed over")
  func skipped() throws {
    var tar = HandmadeTar()
    tar.add("a", String(repeating: "x", count: 100_000))
    tar.add("b", "y")
    #expect(try paths(tar) == ["a", "b"])
  }

  @Test("reading more of an entry than the caller allows is refused")
  func contentLimit() throws {
    var tar = HandmadeTar()
    tar.add("a", "12345")
    #expect(throws: ArchiveError.tooLarge(entry: "a", limit: 4)) {
      try readTarGz(from: .bytes(tar.tarGz)) { (_, content) throws(ArchiveError) in
        _ = try content.bytes(limit: 4)
      }
    }
  }

  @Test(
    "paths that are not plain and relative are refused",
    arguments: ["/etc/passwd", "../x", "a/../../x", "a/..", "./a", "a//b", ".", "..", "a/./b"])
  func unsafePaths(name: String) throws {
    var tar = HandmadeTar()
    tar.add(name, "x")
    guard case .unsafePath(name, _) = refusal(tar) else {
      Issue.record("'\(name)' was not refused as unsafe: \(String(describing: refusal(tar)))")
      return
    }
  }

  @Test("a path in an extended header is checked as well")
  func paxPath() throws {
    var tar = HandmadeTar()
    tar.addPaxPath("../../outside")
    tar.add("harmless", "x")
    #expect(
      refusal(tar) == .unsafePath(entry: "../../outside", reason: "the path has a part '..'"))
  }

  @Test("a NUL ends a name, as tar has it, so that nothing behind it can do harm")
  func nul() throws {
    var tar = HandmadeTar()
    tar.addPaxPath("a\u{0}/../../b")
    tar.add("harmless", "x")
    #expect(try paths(tar) == ["a"])
    #expect(throws: ArchiveError.unsafePath(entry: "a\u{0}b", reason: "the path contains a NUL")) {
      let input = ArchiveInput(path: "a\u{0}b", content: .bytes([]))
      try writeReproducibleTarGz(entries: [input], to: "/nowhere/a", modificationTime: 0)
    }
  }

  @Test(
    "links, devices and pipes are refused",
    arguments: [
      ("1", "hard link"), ("2", "symbolic link"), ("3", "device"), ("4", "device"),
      ("6", "named pipe"),
    ])
  func kinds(flag: String, kind: String) throws {
    var tar = HandmadeTar()
    tar.add("a", "x")
    tar.add("b", kind: Character(flag), link: "a")
    #expect(refusal(tar) == .forbiddenKind(entry: "b", kind: kind))
  }

  @Test("a path may occur once, as a file or as a folder")
  func duplicates() throws {
    let pairs = [("a", "a"), ("a/b", "a"), ("a", "a/b"), ("a/b/c", "a/b"), ("a/b", "a/b/c/d")]
    for (first, second) in pairs {
      var tar = HandmadeTar()
      tar.add(first, "x")
      tar.add(second, "y")
      guard case .duplicate = refusal(tar) else {
        Issue.record("\(first), \(second): \(String(describing: refusal(tar)))")
        continue
      }
    }
    var folders = HandmadeTar()
    folders.add("a/b", "x")
    folders.add("a/", kind: "5")
    folders.add("a/", kind: "5")
    #expect(try paths(folders).count == 3)
  }

  @Test("too many entries, too long a path and too much content are refused")
  func limits() throws {
    var tar = HandmadeTar()
    tar.add("first", "12345")
    tar.add("second", "12345")
    #expect(refusal(tar, limits: .init(entries: 1)) == .tooManyEntries(limit: 1))
    #expect(
      refusal(tar, limits: .init(unpackedSize: 9)) == .tooLarge(entry: "second", limit: 9))
    #expect(refusal(tar, limits: .init(unpackedSize: 10)) == nil)
    #expect(
      refusal(tar, limits: .init(pathLength: 5)) == .pathTooLong(entry: "second", limit: 5))
  }

  @Test("a size that the header only claims is refused before it is read")
  func claimedSize() throws {
    var tar = HandmadeTar()
    tar.add("huge", size: 1 << 32)
    #expect(refusal(tar) == .tooLarge(entry: "huge", limit: 512 << 20))
  }

  @Test("a gzip bomb is refused by its ratio")
  func bomb() throws {
    try withFolder { folder in
      let zeros = ArchiveInput(
        path: "zeros", content: .bytes([UInt8](repeating: 0, count: 20 << 20)))
      try writeReproducibleTarGz(entries: [zeros], to: folder + "/b", modificationTime: 0)
      #expect(throws: ArchiveError.bomb(entry: "zeros", ratio: 200)) {
        try readTarGz(from: .file(path: folder + "/b")) { (_, _) throws(ArchiveError) in }
      }
    }
  }

  @Test("what is not a tar in one gzip is refused")
  func formats() throws {
    var tar = HandmadeTar()
    tar.add("a", "x")
    let end = [UInt8](repeating: 0, count: 1024)
    for bytes in [tar.bytes + end, gzip(tar.tarGz), gzip(Array("hello".utf8)), Array("PK".utf8)] {
      #expect(throws: ArchiveError.notTarGz) {
        try readTarGz(from: .bytes(bytes)) { (_, _) throws(ArchiveError) in }
      }
    }
  }

  @Test("an archive that is cut short or not there is unreadable")
  func truncated() throws {
    var tar = HandmadeTar()
    tar.add("a", String(repeating: "x", count: 5000))
    let cut = Array(tar.tarGz.prefix(2000))
    for source in [ArchiveSource.bytes(cut), .file(path: "/nowhere/archive")] {
      do {
        try readTarGz(from: source) { (_, content) throws(ArchiveError) in
          _ = try content.bytes(limit: 10000)
        }
        Issue.record("was read")
      } catch {
        guard case .unreadable = error else {
          Issue.record("\(error)")
          continue
        }
      }
    }
  }

  @Test("names in errors are made harmless for a terminal")
  func printing() {
    let error = ArchiveError.duplicate(entry: "a\u{1B}[2Jb")
    #expect(error.description == "entry 'a\u{FFFD}[2Jb' occurs twice")
  }
}
