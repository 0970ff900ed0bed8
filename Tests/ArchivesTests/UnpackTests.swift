import Archives
import Foundation
import HandmadeArchives
import Testing

struct UnpackTests {
  /// Unpacks a tar as the crate `x-1.0.0` and returns the error, if any.
  private func unpack(
    _ tar: HandmadeTar, in folder: String, limits: ArchiveLimits = .init()
  ) throws -> (summary: UnpackSummary?, error: ArchiveError?) {
    try write(tar.tarGz, to: folder + "/x.crate")
    do throws(ArchiveError) {
      let summary = try unpackCrate(
        archive: folder + "/x.crate", expectedRoot: "x-1.0.0", into: folder + "/out",
        limits: limits)
      return (summary, nil)
    } catch {
      return (nil, error)
    }
  }

  @Test("a crate is unpacked without its root folder, with plain modes")
  func unpacks() throws {
    var tar = HandmadeTar()
    tar.add("x-1.0.0/", kind: "5", mode: 0o777)
    tar.add("x-1.0.0/Cargo.toml", "[package]", mode: 0o600)
    tar.add("x-1.0.0/src/bin/run.sh", "#!", mode: 0o6711)
    try withFolder { folder in
      let summary = try unpack(tar, in: folder).summary
      #expect(summary?.files == 2)
      #expect(summary?.bytes == 11)
      #expect(
        files(in: folder + "/out") == ["Cargo.toml", "src", "src/bin", "src/bin/run.sh"])
      #expect(read(folder + "/out/Cargo.toml") == "[package]")
      #expect(try mode(folder + "/out/Cargo.toml") == 0o644)
      #expect(try mode(folder + "/out/src/bin/run.sh") == 0o755)
      #expect(try mode(folder + "/out/src") == 0o755)
    }
  }

  @Test("Cargo's own notes are left out, at the root only")
  func discards() throws {
    var tar = HandmadeTar()
    tar.add("x-1.0.0/.cargo-ok", "{}")
    tar.add("x-1.0.0/.cargo-checksum.json", "{}")
    tar.add("x-1.0.0/vendored/.cargo-checksum.json", "{}")
    try withFolder { folder in
      let summary = try unpack(tar, in: folder).summary
      #expect(summary?.discarded == ["x-1.0.0/.cargo-ok", "x-1.0.0/.cargo-checksum.json"])
      #expect(files(in: folder + "/out") == ["vendored", "vendored/.cargo-checksum.json"])
    }
  }

  @Test(
    "an entry outside of the root is refused and nothing is left",
    arguments: ["y-1.0.0/a", "x-1.0.01/a", "x-1.0.0", "a"])
  func outside(name: String) throws {
    var tar = HandmadeTar()
    if name != "x-1.0.0" { tar.add("x-1.0.0/Cargo.toml", "x") }
    tar.add(name, "x")
    try withFolder { folder in
      let error = try unpack(tar, in: folder).error
      #expect(error == .outsideRoot(entry: name, root: "x-1.0.0"))
      #expect(files(in: folder) == ["x.crate"])
    }
  }

  @Test("a path that escapes is refused and nothing is left, inside or outside")
  func escape() throws {
    var tar = HandmadeTar()
    tar.add("x-1.0.0/Cargo.toml", "x")
    tar.add("x-1.0.0/../../escaped", "x")
    try withFolder { folder in
      let error = try unpack(tar, in: folder).error
      #expect(
        error
          == .unsafePath(entry: "x-1.0.0/../../escaped", reason: "the path has a part '..'"))
      #expect(files(in: folder) == ["x.crate"])
    }
  }

  @Test("a link cannot be used to write elsewhere")
  func link() throws {
    try withFolder { folder in
      var tar = HandmadeTar()
      tar.add("x-1.0.0/out", kind: "2", link: folder)
      tar.add("x-1.0.0/out/escaped", "x")
      let error = try unpack(tar, in: folder).error
      #expect(error == .forbiddenKind(entry: "x-1.0.0/out", kind: "symbolic link"))
      #expect(files(in: folder) == ["x.crate"])
    }
  }

  @Test("what breaks off in the middle leaves nothing")
  func halfway() throws {
    var tar = HandmadeTar()
    tar.add("x-1.0.0/a", "12345")
    tar.add("x-1.0.0/b", "12345")
    try withFolder { folder in
      let error = try unpack(tar, in: folder, limits: .init(unpackedSize: 6)).error
      #expect(error == .tooLarge(entry: "x-1.0.0/b", limit: 6))
      #expect(files(in: folder) == ["x.crate"])
    }
  }

  @Test("an existing folder is not touched")
  func exists() throws {
    var tar = HandmadeTar()
    tar.add("x-1.0.0/a", "new")
    try withFolder { folder in
      try FileManager.default.createDirectory(
        atPath: folder + "/out", withIntermediateDirectories: true)
      let error = try unpack(tar, in: folder).error
      #expect(error == .exists(path: folder + "/out"))
      #expect(files(in: folder) == ["out", "x.crate"])
    }
  }

  @Test("an archive without entries is no crate")
  func empty() throws {
    try withFolder { folder in
      let error = try unpack(HandmadeTar(), in: folder).error
      #expect(error == .empty)
      #expect(files(in: folder) == ["x.crate"])
    }
  }
}

struct UnpackProgramsTests {
  private func programs(_ tar: HandmadeTar, in folder: String) throws -> [String] {
    try write(tar.tarGz, to: folder + "/x.tar.gz")
    try FileManager.default.createDirectory(
      atPath: folder + "/out", withIntermediateDirectories: true)
    return try unpackPrograms(
      archive: folder + "/x.tar.gz", into: folder + "/out", where: { $0 != "not-this" })
  }

  @Test("only the acceptable executable files at the root are written, with a plain mode")
  func acceptable() throws {
    var tar = HandmadeTar()
    tar.add("tool", "program", mode: 0o6711)
    tar.add("README.md", "text")
    tar.add("not-this", "program", mode: 0o755)
    tar.add("doc/", kind: "5", mode: 0o755)
    tar.add("doc/run.sh", "#!", mode: 0o755)
    tar.add("cargo-tool", "another", mode: 0o755)
    try withFolder { folder in
      let names = try programs(tar, in: folder)
      #expect(names == ["tool", "cargo-tool"])
      #expect(files(in: folder + "/out") == ["cargo-tool", "tool"])
      #expect(read(folder + "/out/tool") == "program")
      #expect(try mode(folder + "/out/tool") == 0o755)
    }
  }

  @Test("links and paths that lead elsewhere are refused")
  func hostile() throws {
    for (name, kind) in [("../tool", "0"), ("/tool", "0"), ("tool", "2")] as [(String, Character)] {
      var tar = HandmadeTar()
      tar.add(name, kind: kind, link: kind == "2" ? "/etc/passwd" : "", mode: 0o755)
      try withFolder { folder in
        #expect(throws: ArchiveError.self, "\(name)") { try programs(tar, in: folder) }
        #expect(files(in: folder + "/out").isEmpty)
      }
    }
  }

  @Test("a program takes no earlier file's place")
  func exists() throws {
    var tar = HandmadeTar()
    tar.add("tool", "new", mode: 0o755)
    try withFolder { folder in
      try FileManager.default.createDirectory(
        atPath: folder + "/out", withIntermediateDirectories: true)
      try write(Array("old".utf8), to: folder + "/out/tool")
      #expect(throws: ArchiveError.self) { try programs(tar, in: folder) }
      #expect(read(folder + "/out/tool") == "old")
    }
  }
}
