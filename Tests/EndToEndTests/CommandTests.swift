import Foundation
import LocalFarm
import TestSupport
import Testing

@Suite("What the commands answer", .timeLimit(.minutes(2)))
struct CommandTests {
  @Test("wrong usage ends with 2, and nothing is tried")
  func usage() async throws {
    #expect(try await run("buildsrs", "dance").status == 2)
    #expect(try await run("buildsrs", "backend", "--lease-seconds", "0").status == 2)
    #expect(try await run("buildsrs-builder", "build", "hexyl").status == 2)
    #expect(try await run("buildsrs", "--help").status == 0)
  }

  @Test("a mistake in a target is told with its file, line, column and the nearest key")
  func lint() async throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for name in ["targets", "recipes"] {
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
    }
    let file = "\(folder)/targets/x86_64-unknown-linux-gnu.yaml"
    let text = TestFarm.fakeTarget().replacing("tier: 1", with: "tirer: 1")
    try Data(text.utf8).write(to: URL(filePath: file))
    try Data("smoke: []\n".utf8).write(to: URL(filePath: "\(folder)/recipes/_default.yaml"))
    let answer = try await run(
      "buildsrs", "recipes", "lint", "--targets-directory", "\(folder)/targets",
      "--recipes-directory", "\(folder)/recipes")
    #expect(answer.status == 1)
    #expect(answer.text.contains("x86_64-unknown-linux-gnu.yaml:3:1"), "\(answer.text)")
    #expect(answer.text.contains("did you mean “tier”?"), "\(answer.text)")
  }

  @Test("what a backend lacks is told with the remedy")
  func remedies() async throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let noKey = try await run(
      "buildsrs", "backend", "--database-url", "postgresql:///none", "--state-directory", folder)
    #expect(noKey.status == 1)
    #expect(noKey.text.contains("buildsrs keys generate"), "\(noKey.text)")

    let token = "\(folder)/token"
    try Data("this is\nno token\n".utf8).write(to: URL(filePath: token))
    let noToken = try await run(
      "buildsrs", "registry-sync", "--once", "--crate", "hexyl", "--registry-token-file", token,
      "--state-directory", folder)
    #expect(noToken.status == 1)
    #expect(noToken.text.contains("holds no token"), "\(noToken.text)")
  }

  private func run(_ program: String, _ arguments: String...) async throws -> (
    status: Int32, text: String
  ) {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let child = try ChildProcess(
      program, [TestPrograms.program(program)] + arguments, directory: folder)
    let status = await child.ending()
    let error = try String(contentsOfFile: child.logFile, encoding: .utf8)
    return (status, try String(contentsOfFile: child.outputFile, encoding: .utf8) + error)
  }

  private func temporaryFolder() throws -> String {
    let path = NSTemporaryDirectory() + "buildsrs-command-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }
}
