import Foundation
import LocalFarm
import TestSupport
import Testing

@Suite("What the programs are made of")
struct SeparationTests {
  @Test(
    "a builder has no way to the database: it links no libpq",
    arguments: ["buildsrs-builder", "buildsrs-executor-host"])
  func noDatabase(program: String) async throws {
    let libraries = try await libraries(of: program)
    #expect(libraries.contains("libExecutorKit.so"))
    #expect(!libraries.contains("libpq"))
  }

  @Test("the operators' command is the one that links libpq")
  func database() async throws {
    #expect(try await libraries(of: "buildsrs").contains("libpq.so"))
  }

  private func libraries(of program: String) async throws -> String {
    let directory = NSTemporaryDirectory() + "buildsrs-ldd-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let child = try ChildProcess(
      "ldd", ["/usr/bin/env", "ldd", TestPrograms.program(program)], directory: directory)
    #expect(await child.ending() == 0)
    return try String(contentsOfFile: child.outputFile, encoding: .utf8)
  }
}
