import ExecutorKit
import FarmModel
import Foundation
import Testing

@testable import BuildPipeline

@Suite struct ELFFileTests {
  /// The test program itself: a real ELF file with libraries and symbol versions.
  private let own = "/proc/self/exe"

  @Test("the test program is read as what it is")
  func ownProgram() throws {
    let file = try ELFFile(path: own)
    #expect(file.is64Bit)
    #expect(file.isLittleEndian)
    #expect(file.isProgram)
    #expect(file.interpreter?.contains("ld-linux") == true)
    #expect(file.needed.contains("libc.so.6"))
    #expect(file.versions.contains { $0.hasPrefix("GLIBC_2.") })
  }

  @Test("what is no ELF file, or only the beginning of one, is an error and no crash")
  func damagedFiles() async throws {
    try await withFolder { folder in
      let whole = try Data(contentsOf: URL(filePath: "/bin/true"))
      let good = folder + "/whole"
      try whole.write(to: URL(filePath: good))
      _ = try ELFFile(path: good)
      for length in [0, 3, 4, 16, 63, 64, 100, 400, whole.count / 2, whole.count - 1] {
        let path = folder + "/cut"
        try whole.prefix(length).write(to: URL(filePath: path))
        #expect(throws: ELFFile.Failure.self, "\(length) bytes") { try ELFFile(path: path) }
      }
      try Data("#!/bin/sh\n".utf8).write(to: URL(filePath: folder + "/script"))
      #expect(throws: ELFFile.Failure.notELF) { try ELFFile(path: folder + "/script") }
      #expect(throws: ELFFile.Failure.self) { try ELFFile(path: folder + "/absent") }
    }
  }

  @Test("flipped bytes never crash the reader")
  func flippedBytes() async throws {
    try await withFolder { folder in
      let whole = [UInt8](try Data(contentsOf: URL(filePath: "/bin/true")))
      var generator = Numbers(state: 7)
      let path = folder + "/flipped"
      for _ in 0..<300 {
        var bytes = whole
        for _ in 0..<8 {
          // Headers and tables are what is read: the first and the last 4 KiB.
          let offset = Int.random(in: 0..<4096, using: &generator)
          let index = Bool.random(using: &generator) ? offset : bytes.count - 1 - offset
          bytes[index] = UInt8.random(in: 0...255, using: &generator)
        }
        try Data(bytes).write(to: URL(filePath: path))
        _ = try? ELFFile(path: path)
      }
    }
  }
}

@Suite struct InspectorTests {
  private func file() -> ELFFile {
    ELFFile(
      is64Bit: true, isLittleEndian: true, machine: 183, isProgram: true,
      interpreter: "/lib/ld-linux-aarch64.so.1", needed: ["libc.so.6", "libgcc_s.so.1"],
      versions: ["GLIBC_2.9", "GLIBC_2.34", "GCC_3.0"])
  }

  private func objection(
    to file: ELFFile, needed: [String] = ["libc.so.6", "libgcc_s.so.1"],
    target: String = "aarch64-unknown-linux-gnu", glibc: String? = "2.36"
  ) -> String? {
    var inputs = inputs(target: target)
    inputs.glibc = glibc
    return Inspector(inputs: inputs, checks: BuildChecks(needed: needed)).objection(to: file)
  }

  @Test("the highest glibc version is found by number, not by text")
  func floor() {
    #expect(Inspector.inspection(of: file()).glibcFloor == "2.34")
    var packed = file()
    packed.versions = ["GLIBC_2.2.5", "GLIBC_ABI_DT_RELR", "GLIBC_PRIVATE"]
    #expect(Inspector.inspection(of: packed).glibcFloor == "2.36")
  }

  @Test("a binary that keeps the promises is accepted")
  func accepted() {
    #expect(objection(to: file()) == nil)
    #expect(objection(to: file(), needed: []) == nil)
  }

  @Test("without a promise nothing is refused, and the real floor is told")
  func noPromise() {
    #expect(objection(to: file(), glibc: nil) == nil)
    #expect(Inspector.inspection(of: file()).glibcFloor == "2.34")
  }

  @Test("another machine, a newer glibc and a foreign library are refused, with the reason")
  func refused() {
    #expect(
      objection(to: file(), target: "x86_64-unknown-linux-gnu")
        == "it is ELF64 aarch64, little-endian, but x86_64-unknown-linux-gnu is ELF64 x86_64,"
        + " little-endian")
    #expect(
      objection(to: file(), glibc: "2.17")
        == "it needs glibc 2.34, but the target promises that 2.17 is enough")
    #expect(
      objection(to: file(), needed: ["libc.so.6"])
        == "it needs libgcc_s.so.1, which the target's policy does not allow; link it statically,"
        + " or extend `needed` in the recipe")
  }

  @Test("a musl binary must ask for nothing")
  func musl() {
    let target = "aarch64-unknown-linux-musl"
    #expect(objection(to: file(), target: target, glibc: nil)?.contains("must be static") == true)
    var lone = file()
    (lone.interpreter, lone.needed, lone.versions) = (nil, [], [])
    #expect(objection(to: lone, target: target, glibc: nil) == nil)
  }
}

/// A generator whose numbers are the same in every run (xorshift64).
struct Numbers: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}

/// Runs a body with a new folder that is removed afterwards.
func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
  let folder = try newFolder()
  defer { removeFolder(folder) }
  return try await body(folder)
}

private func newFolder() throws -> String {
  let folder = FileManager.default.temporaryDirectory.path + "/pipeline-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  return folder
}

/// The crate store makes its folders read-only.
private func removeFolder(_ folder: String) {
  for path in FileManager.default.enumerator(atPath: folder)?.allObjects ?? [] {
    chmod("\(folder)/\(path)", 0o755)
  }
  try? FileManager.default.removeItem(atPath: folder)
}
