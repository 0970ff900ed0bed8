import Archives
import CrateRegistry
import ExecutorKit
import FarmModel
import Foundation
import Testing

@testable import BuildPipeline

@Suite struct PackageContentsTests {
  @Test(
    "texts are found by their names",
    arguments: [
      ("LICENSE", "LICENSE"), ("LICENSE-MIT", "LICENSE-MIT"), ("README.md", "README.md"),
      ("COPYING", "COPYING"), ("UNLICENSE", "UNLICENSE"), ("doc/rg.1", "man/rg.1"),
      ("LICENSES/MIT.txt", "LICENSES/MIT.txt"),
      ("complete/_rg", "completions/_rg"), ("completions/rg.bash", "completions/rg.bash"),
      ("assets/completions/rg.fish", "completions/rg.fish"), ("src/main.rs", nil),
      ("src/LICENSE", nil), ("complete/_rg.rs", nil), ("tests/data/x.1", nil),
      ("vendor/lib/man/x.3", nil), (".github/README.md", nil), ("Cargo.toml", nil),
      ("a.12", nil), ("data/v1.0", nil),
    ])
  func places(path: String, expected: String?) {
    #expect(PackageContents.place(of: path) == expected)
  }

  @Test("files that the manifest names go along, those out of the crate do not")
  func named() async throws {
    try await withFolder { folder in
      try FileManager.default.createDirectory(
        atPath: folder + "/crate/legal", withIntermediateDirectories: true)
      try write("the terms", folder + "/crate/legal/terms.txt")
      try write("a secret", folder + "/secret")
      try write("read", folder + "/crate/man")
      func paths(_ licence: String, _ readme: String) throws -> [String] {
        let manifest = try Manifest(
          toml: """
            [package]
            name = "demo"
            version = "1.0.0"
            license-file = "\(licence)"
            readme = "\(readme)"
            """.utf8)
        return PackageContents.files(
          inCrate: folder + "/crate", generated: folder + "/none", manifest: manifest,
          binaries: ["demo"]
        ).map(\.path)
      }
      #expect(try paths("legal/terms.txt", "absent.md") == ["terms.txt"])
      #expect(try paths("../secret", "/etc/passwd").isEmpty)
      #expect(try paths("legal", "man").isEmpty, "a folder, and a file in a folder's place")
    }
  }

  @Test("files beyond the bounds stay out")
  func bounds() async throws {
    try await withFolder { folder in
      let page = Data(repeating: 65, count: 1 << 20)
      for number in 0..<40 {
        try page.write(to: URL(filePath: "\(folder)/p\(number).1"))
      }
      try (page + Data([65])).write(to: URL(filePath: folder + "/LICENSE"))
      let manifest = try Manifest(toml: "[package]\nname = \"demo\"\nversion = \"1.0.0\"".utf8)
      let files = PackageContents.files(
        inCrate: folder, generated: folder + "/none", manifest: manifest, binaries: [])
      #expect(files.count == PackageContents.mostBytes >> 20)
      #expect(!files.contains { $0.path == "LICENSE" })
    }
  }
}

@Suite struct GeneratedTextsTests {
  @Test(
    "what a build script makes is taken where it is named after a binary",
    arguments: [
      ("rg.1", "man/rg.1"), ("rg-log.1", "man/rg-log.1"), ("rg.bash", "completions/rg.bash"),
      ("_rg", "completions/_rg"), ("_rg.ps1", "completions/_rg.ps1"),
      ("rg.fish", "completions/rg.fish"), ("libz.3", nil), ("other.bash", nil), ("_other", nil),
      ("rg", nil), ("rg.rs", nil), ("rgx.1", nil), ("a\nrg.1", nil), ("data.1", nil),
    ])
  func places(name: String, expected: String?) {
    #expect(GeneratedTexts.place(of: name, binaries: ["rg"]) == expected)
  }

  @Test("Cargo tells the folder of the package's own build script, and only that one counts")
  func messages() {
    func message(_ package: String) -> CargoMessage {
      .parse(
        #"{"reason":"build-script-executed","package_id":"\#(package)","out_dir":"/build/target/o"}"#
      )
    }
    #expect(
      message("path+file:///build/crate#demo@1.0.0") == .buildScript(folder: "/build/target/o"))
    #expect(message("path+file:///build/crate#1.0.0") == .buildScript(folder: "/build/target/o"))
    #expect(
      message("demo 1.0.0 (path+file:///build/crate)") == .buildScript(folder: "/build/target/o"))
    #expect(
      message("registry+https://github.com/rust-lang/crates.io-index#libz-sys@1.1.0") == .other)
    #expect(message("path+file:///build/crate-of-another#x@1.0.0") == .other)
  }

  @Test("files are copied, sorted, to where nothing else writes; links, pipes and others are not")
  func collecting() async throws {
    try await withFolder { folder in
      let folders = try BinaryCollectorTests.folders(in: folder)
      let out = folders.target + "/t/release/build/demo-1/out"
      try FileManager.default.createDirectory(
        atPath: out + "/b/c/d/e", withIntermediateDirectories: true)
      try write("first", out + "/b/demo.1")
      try write("second", out + "/demo.1")
      try write("deep", out + "/b/c/d/demo.fish")
      try write("too deep", out + "/b/c/d/e/_demo")
      try write(String(repeating: "x", count: PackageContents.largestFile + 1), out + "/demo.2")
      try FileManager.default.createSymbolicLink(
        atPath: out + "/demo.3", withDestinationPath: "/etc/passwd")
      try FileManager.default.createSymbolicLink(
        atPath: out + "/linked", withDestinationPath: "/usr/share/man/man1")
      mkfifo(out + "/demo.4", 0o644)
      try FileManager.default.createDirectory(
        atPath: out + "/demo.5", withIntermediateDirectories: true)
      let texts = GeneratedTexts(folders: folders, binaries: ["demo"])
      let taken = try texts.collect(from: [
        "/build/target/t/release/build/demo-1/out", "/build/target/../../../etc", "/etc", "",
      ])
      #expect(taken == ["completions/demo.fish", "man/demo.1"])
      #expect(
        try String(contentsOfFile: folders.generated + "/man/demo.1", encoding: .utf8) == "first")
      let manifest = try Manifest(toml: "[package]\nname = \"demo\"\nversion = \"1.0.0\"".utf8)
      let files = PackageContents.files(
        inCrate: folders.crate, generated: folders.generated, manifest: manifest, binaries: [])
      #expect(files.map(\.path) == taken)
    }
  }

  @Test("a script that leaves very many files is looked at no further than the bound")
  func manyFiles() async throws {
    try await withFolder { folder in
      let folders = try BinaryCollectorTests.folders(in: folder)
      let out = folders.target + "/out"
      try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
      for number in 0..<300 { try write("x", "\(out)/demo-\(number).1") }
      let texts = GeneratedTexts(folders: folders, binaries: ["demo"])
      let taken = try texts.collect(from: ["/build/target/out"])
      #expect(taken.count == PackageContents.mostFiles)
    }
  }
}

private func write(_ text: String, _ path: String) throws {
  try Data(text.utf8).write(to: URL(filePath: path))
}
