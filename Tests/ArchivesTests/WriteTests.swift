import Archives
import Foundation
import Testing

struct WriteTests {
  private let inputs = [
    ArchiveInput(path: "bin/rg", isExecutable: true, content: .bytes([1, 2, 3])),
    ArchiveInput(path: "README.md", content: .bytes(Array("read me".utf8))),
    ArchiveInput(path: "déjà", content: .bytes([])),
    ArchiveInput(
      path: String(repeating: "long/", count: 60) + "name", content: .bytes([9])),
  ]

  @Test("the same entries in any order give the same bytes, at any time and place")
  func reproducible() throws {
    try withFolder { folder in
      for (name, entries) in [("a", inputs), ("b", inputs.reversed())] {
        try writeReproducibleTarGz(
          entries: entries, to: "\(folder)/\(name)", modificationTime: 1_000_000)
      }
      let first = FileManager.default.contents(atPath: folder + "/a")
      #expect(first == FileManager.default.contents(atPath: folder + "/b"))
      // No flags, no name, no time (RFC 1952): bytes 3 to 7.
      #expect(first.map { Array($0[3..<8]) } == [0, 0, 0, 0, 0])
      #expect(files(in: folder) == ["a", "b"])
    }
  }

  @Test("what was written is read again, sorted by path")
  func roundTrip() throws {
    try withFolder { folder in
      try writeReproducibleTarGz(entries: inputs, to: folder + "/a", modificationTime: 5)
      var seen: [String: [UInt8]] = [:]
      var paths: [String] = []
      try readTarGz(from: .file(path: folder + "/a")) { (entry, content) throws(ArchiveError) in
        paths.append(entry.path)
        seen[entry.path] = try content.bytes(limit: 100)
        #expect(entry.isExecutable == (entry.path == "bin/rg"))
      }
      #expect(paths == inputs.map(\.path).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
      #expect(seen["bin/rg"] == [1, 2, 3])
      #expect(seen["déjà"] == [])
    }
  }

  @Test("GNU tar lists owner, mode and time as they should be")
  func listing() throws {
    try withFolder { folder in
      try writeReproducibleTarGz(
        entries: [inputs[0]], to: folder + "/a.tar.gz", modificationTime: 1_000_000)
      let tar = Process()
      tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      tar.arguments = ["TZ=UTC", "tar", "-tvzf", folder + "/a.tar.gz"]
      let output = Pipe()
      tar.standardOutput = output
      try tar.run()
      let listing = String(
        decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      tar.waitUntilExit()
      #expect(
        listing.split(separator: " ")
          == ["-rwxr-xr-x", "0/0", "3", "1970-01-12", "13:46", "bin/rg\n"])
    }
  }

  @Test("the content of a file is streamed in")
  func fromFile() throws {
    try withFolder { folder in
      let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      try write(bytes, to: folder + "/source")
      let input = ArchiveInput(path: "copy", content: .file(path: folder + "/source"))
      try writeReproducibleTarGz(entries: [input], to: folder + "/a", modificationTime: 0)
      try readTarGz(from: .file(path: folder + "/a")) { (_, content) throws(ArchiveError) in
        #expect(try content.bytes(limit: 300_000) == bytes)
      }
    }
  }

  @Test("bad paths and missing files are refused and leave no archive")
  func refusals() throws {
    try withFolder { folder in
      let lists: [[ArchiveInput]] = [
        [ArchiveInput(path: "../a", content: .bytes([]))],
        [inputs[0], inputs[0]],
        [ArchiveInput(path: "a", content: .file(path: folder + "/missing"))],
      ]
      for entries in lists {
        #expect(throws: ArchiveError.self) {
          try writeReproducibleTarGz(entries: entries, to: folder + "/a", modificationTime: 0)
        }
      }
      #expect(files(in: folder) == [])
    }
  }
}
