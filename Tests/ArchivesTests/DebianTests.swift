import Archives
import Foundation
import HandmadeArchives
import Testing

struct DebianTests {
  private let control = ArchiveInput(
    path: "control",
    content: .bytes(
      Array(
        """
        Package: demo
        Version: 1.0
        Architecture: all
        Maintainer: A <a@example.org>
        Description: a test

        """.utf8)))
  private let data = [
    ArchiveInput(path: "usr/bin/demo", isExecutable: true, content: .bytes([1, 2, 3])),
    ArchiveInput(path: "usr/share/doc/demo/copyright", content: .bytes(Array("MIT\n".utf8))),
  ]

  @Test("dpkg reads the package, with folders, owners, modes and times as they should be")
  func readByDpkg() throws {
    try withFolder { folder in
      let path = folder + "/demo.deb"
      try writeReproducibleDebian(
        control: [control], data: data, to: path, modificationTime: 1_000_000)
      #expect(files(in: folder) == ["demo.deb"])
      #expect(try output("dpkg-deb", "--field", path, "Package", "Version").contains("demo"))
      let listing = try output("dpkg-deb", "--contents", path)
      #expect(
        listing.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") } == [
          "drwxr-xr-x root/root 0 1970-01-12 13:46 ./",
          "drwxr-xr-x root/root 0 1970-01-12 13:46 ./usr/",
          "drwxr-xr-x root/root 0 1970-01-12 13:46 ./usr/bin/",
          "drwxr-xr-x root/root 0 1970-01-12 13:46 ./usr/share/",
          "drwxr-xr-x root/root 0 1970-01-12 13:46 ./usr/share/doc/",
          "drwxr-xr-x root/root 0 1970-01-12 13:46 ./usr/share/doc/demo/",
          "-rwxr-xr-x root/root 3 1970-01-12 13:46 ./usr/bin/demo",
          "-rw-r--r-- root/root 4 1970-01-12 13:46 ./usr/share/doc/demo/copyright",
        ])
    }
  }

  @Test("the same files in any order give the same bytes")
  func reproducible() throws {
    try withFolder { folder in
      for (name, files) in [("a", data), ("b", data.reversed())] {
        try writeReproducibleDebian(
          control: [control], data: files, to: "\(folder)/\(name)", modificationTime: 7)
      }
      let first = FileManager.default.contents(atPath: folder + "/a")
      #expect(first != nil && first == FileManager.default.contents(atPath: folder + "/b"))
    }
  }

  @Test("a path that leads out of the package leaves nothing behind")
  func unsafePath() throws {
    try withFolder { folder in
      let bad = ArchiveInput(path: "usr/../../etc/passwd", content: .bytes([]))
      #expect(throws: ArchiveError.self) {
        try writeReproducibleDebian(
          control: [control], data: [bad], to: folder + "/a.deb", modificationTime: 7)
      }
      #expect(files(in: folder).isEmpty)
    }
  }

  @Test("compressed bytes carry no name and no time, and gzip reads them")
  func gzip() throws {
    try withFolder { folder in
      let bytes = Array(String(repeating: "a manual page\n", count: 1000).utf8)
      let packed = try gzipped(bytes, scratch: folder + "/scratch")
      #expect(Array(packed[3..<8]) == [0, 0, 0, 0, 0])
      #expect(packed.count < 200)
      #expect(files(in: folder).isEmpty)
      try Data(packed).write(to: URL(fileURLWithPath: folder + "/page.gz"))
      #expect(Array(try output("gzip", "-dc", folder + "/page.gz").utf8) == bytes)
    }
  }

  private func output(_ program: String, _ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["TZ=UTC", program] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return text
  }
}
