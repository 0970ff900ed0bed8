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
