import Archives
import CrateRegistry
import ExecutorKit
import FarmModel
import Foundation
import Subprocess
import SystemPackage
import Testing

@testable import BuildPipeline

/// The output of a program that must succeed.
func output(of program: String, _ arguments: [String]) async throws -> String {
  let result = try await run(
    .path("/usr/bin/env"), arguments: Arguments([program] + arguments),
    output: .string(limit: 1 << 20), error: .string(limit: 1 << 16))
  #expect(result.terminationStatus == .exited(0), "\(result.standardError)")
  return result.standardOutput
}

@Suite(.timeLimit(.minutes(1))) struct DebianPackageTests {
  /// A package of `demo` with `/bin/true` as its binary.
  private func package(
    in folder: String, toml: String = "", texts: [String: String] = texts,
    dependencies: [String] = ["libc6 (>= 2.17)"], name: String = "demo.deb"
  ) throws -> String {
    let binary = BuiltBinary(name: "demo", path: "/bin/true")
    let manifest = try Manifest(toml: (head + toml).utf8)
    let maker = DebianPackage(
      inputs: inputs(), manifest: manifest, binaries: [binary],
      texts: texts.map { ArchiveInput(path: $0, content: .bytes(Array($1.utf8))) },
      scratch: folder)
    let path = "\(folder)/\(name)"
    try maker.write(
      to: path, named: "demo", architecture: "amd64", dependencies: dependencies)
    return path
  }

  private let head = "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n"
  private static let texts = [
    "LICENSE-MIT": "The licence\n\nof it.\n", "README.md": "# demo\n", "man/demo.1": ".TH demo 1\n",
    "completions/demo.bash": "b", "completions/_demo": "z", "completions/demo.fish": "f",
    "completions/_demo.ps1": "p", "completions/demo.elv": "e",
  ]

  @Test("every file is where Debian's tools look for it, and md5sum agrees")
  func contents() async throws {
    try await withFolder { folder in
      let path = try package(in: folder)
      let listing = try await output(of: "dpkg-deb", ["--contents", path])
      let files = listing.split(separator: "\n").compactMap { $0.split(separator: " ").last }
        .filter { !$0.hasSuffix("/") }.map(String.init)
      #expect(
        files == [
          "./usr/bin/demo", "./usr/share/bash-completion/completions/demo",
          "./usr/share/doc/demo/README.md", "./usr/share/doc/demo/copyright",
          "./usr/share/fish/vendor_completions.d/demo.fish", "./usr/share/man/man1/demo.1.gz",
          "./usr/share/zsh/vendor-completions/_demo",
        ])
      #expect(listing.contains("root/root") && !listing.contains("-> "))
      _ = try await output(of: "dpkg-deb", ["-R", path, folder + "/unpacked"])
      _ = try await output(
        of: "sh", ["-c", "cd \(folder)/unpacked && md5sum --quiet --strict -c DEBIAN/md5sums"])
      let page = try await output(
        of: "gzip", ["-dc", folder + "/unpacked/usr/share/man/man1/demo.1.gz"])
      #expect(page == ".TH demo 1\n")
    }
  }

  @Test("dpkg installs, lists and removes it")
  func install() async throws {
    try await withFolder { folder in
      let path = try package(in: folder, dependencies: [])
      let root = folder + "/root"
      for name in ["info", "updates", "triggers"] {
        try FileManager.default.createDirectory(
          atPath: "\(root)/var/lib/dpkg/\(name)", withIntermediateDirectories: true)
      }
      try Data().write(to: URL(filePath: root + "/var/lib/dpkg/status"))
      let dpkg = ["--root=\(root)", "--force-not-root", "--force-architecture", "--log=/dev/null"]
      _ = try await output(of: "dpkg", dpkg + ["-i", path])
      #expect(
        FileManager.default.contentsEqual(atPath: root + "/usr/bin/demo", andPath: "/bin/true"))
      #expect(FileManager.default.isExecutableFile(atPath: root + "/usr/bin/demo"))
      #expect(try await output(of: "dpkg", dpkg + ["-s", "demo"]).contains("Status: install ok"))
      _ = try await output(of: "dpkg", dpkg + ["--verify", "demo"])
      _ = try await output(of: "dpkg", dpkg + ["-P", "demo"])
      #expect(!FileManager.default.fileExists(atPath: root + "/usr/bin/demo"))
    }
  }

  @Test("the control file tells what the manifest and the binaries do")
  func control() async throws {
    try await withFolder { folder in
      let path = try package(
        in: folder,
        toml: """
          description = "A demo of packages."
          homepage = "https://example.org/demo"
          license = "MIT/Apache-2.0"
          authors = ["Ann <ann@example.org>"]
          """)
      let text = try await output(of: "dpkg-deb", ["--field", path])
      #expect(
        text == """
          Package: demo
          Version: 1.0.0
          Architecture: amd64
          Maintainer: builds.rs build farm <noreply@builds.rs>
          Installed-Size: \(try await installedSize(path, folder))
          Depends: libc6 (>= 2.17)
          Section: utils
          Priority: optional
          Homepage: https://example.org/demo
          Description: A demo of packages
           Built by builds.rs from the crate demo 1.0.0 of crates.io.

          """)
      let copyright = try String(
        contentsOfFile: folder + "/size/usr/share/doc/demo/copyright", encoding: .utf8)
      #expect(
        copyright.contains("\nCopyright: Ann <ann@example.org>\nLicense: MIT OR Apache-2.0\n"))
      #expect(copyright.hasSuffix(" [LICENSE-MIT]\n .\n The licence\n .\n of it.\n .\n"))
    }
  }

  /// What Debian Policy says that it is: every file and folder rounded up to KiB.
  private func installedSize(_ path: String, _ folder: String) async throws -> Int {
    _ = try await output(of: "dpkg-deb", ["-x", path, folder + "/size"])
    let found = FileManager.default.enumerator(atPath: folder + "/size")
    var size = 0
    while found?.nextObject() is String {
      let attributes = found?.fileAttributes
      let bytes = (attributes?[.size] as? NSNumber)?.intValue ?? 0
      size += attributes?[.type] as? FileAttributeType == .typeDirectory ? 1 : (bytes + 1023) / 1024
    }
    return size
  }

  @Test("two runs give the same bytes")
  func reproducible() async throws {
    try await withFolder { folder in
      let paths = try ["a.deb", "b.deb"].map { try package(in: folder, name: $0) }
      #expect(FileManager.default.contentsEqual(atPath: paths[0], andPath: paths[1]))
    }
  }

  @Test("texts of strangers cannot add a field, a paragraph or a file")
  func hostile() async throws {
    try await withFolder { folder in
      let path = try package(
        in: folder,
        toml: #"""
          description = "Good\nDepends: evil\n\nPackage: evil\u0000\u001b[31m\u202e . end"
          homepage = "https://example.org/\nPre-Depends: evil"
          repository = "javascript:alert(1)"
          license = "MIT\nFiles: /etc/passwd"
          authors = ["A\n\nLicense: none", "\u0007"]
          """#.replacing(#"\u0000"#, with: ""),
        texts: [
          "LICENSE": "x\n\nFiles: *\n\u{1B}[2J\r\n.\n", "completions/../../demo.bash": "b",
          "man/a b.1": "m", "man/-rf.1": "m", "completions/_é": "z", "README\n": "r",
        ])
      let fields = try await output(of: "dpkg-deb", ["--field", path])
      let names = fields.split(separator: "\n").filter { !$0.hasPrefix(" ") }
        .compactMap { $0.split(separator: ":").first }
      #expect(
        names == [
          "Package", "Version", "Architecture", "Maintainer", "Installed-Size", "Depends",
          "Section", "Priority", "Description",
        ])
      #expect(fields.contains("\nDescription: Good Depends: evil Package: evil [31m . end\n"))
      let listing = try await output(of: "dpkg-deb", ["--contents", path])
      #expect(
        listing.split(separator: "\n").compactMap { $0.split(separator: " ").last }
          .filter { !$0.hasSuffix("/") } == ["./usr/bin/demo", "./usr/share/doc/demo/copyright"])
      _ = try await output(of: "dpkg-deb", ["-x", path, folder + "/x"])
      let copyright = try String(
        contentsOfFile: folder + "/x/usr/share/doc/demo/copyright", encoding: .utf8)
      #expect(copyright.split(separator: "\n").filter { $0.hasPrefix("Files:") } == ["Files: *"])
      #expect(
        copyright.split(separator: "\n").filter { $0.hasPrefix("License:") }
          == ["License: see the text below"])
      #expect(!copyright.contains("\u{1B}") && !copyright.contains("\r"))
    }
  }

  @Test("a description of a megabyte is cut, and folded for readers")
  func longDescription() async throws {
    try await withFolder { folder in
      let long = String(repeating: "word .dot ", count: 100_000)
      let path = try package(in: folder, toml: "description = \"\(long)\"")
      let fields = try await output(of: "dpkg-deb", ["--field", path])
      #expect(fields.utf8.count < 4000)
      let lines = fields.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
      #expect(lines.allSatisfy { !$0.isEmpty && $0.count <= 100 })
      #expect(
        lines.contains { $0.wholeMatch(of: /Description: (word \.dot )+word…/) != nil },
        "cut between words")
      #expect(lines.contains(" ."), "an empty line between the paragraphs")
      #expect(!lines.contains { $0.hasPrefix(" .") && $0.count > 2 })
    }
  }

  @Test("libraries become the packages that have them, and an unknown one is told")
  func dependencies() throws {
    #expect(
      try DebianDependencies.of(
        needed: [
          "libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-aarch64.so.1", "libssl.so.3",
          "libcrypto.so.3",
        ], glibcFloor: "2.17")
        == ["libc6 (>= 2.17)", "libgcc-s1 | libgcc1", "libssl3 | libssl3t64"])
    #expect(try DebianDependencies.of(needed: [], glibcFloor: nil).isEmpty)
    #expect(
      throws: DebianDependencies.UnknownLibraries(names: ["libb.so.2", "liba,x (>= 1)"].sorted())
    ) {
      try DebianDependencies.of(
        needed: ["liba,x (>= 1)", "libc.so.6", "libb.so.2"], glibcFloor: "2.17")
    }
  }
}

@Suite struct SPDXExpressionTests {
  @Test(
    "expressions are read, and nothing else",
    arguments: [
      ("MIT", "MIT"), ("MIT/Apache-2.0", "MIT OR Apache-2.0"), ("GPL-2.0+", "GPL-2.0+"),
      ("(MIT  OR Apache-2.0) AND BSD-3-Clause", "(MIT OR Apache-2.0) AND BSD-3-Clause"),
      ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception"),
      ("LicenseRef-Own", "LicenseRef-Own"), ("my own licence", nil), ("", nil), ("MIT OR", nil),
      ("(MIT", nil), ("MIT)", nil), ("MIT\nX: y", nil), ("AND MIT", nil), ("MIT WITH", nil),
      (String(repeating: "(", count: 400), nil),
    ])
  func expressions(text: String, expected: String?) {
    #expect(SPDXExpression.text(of: text) == expected)
  }
}
