import ExecutorKit
import Foundation
import Testing

@testable import BuildPipeline

@Suite struct ShellCommandTests {
  @Test("a shell reads every word as it was, whatever is in it")
  func roundTrip() throws {
    let words = ["plain", "", "two words", "it's", "$HOME `id` \\", "a\u{1F}b", "line\nbreak", "*"]
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    let text = words.map(ShellCommand.quoted).joined(separator: " ")
    process.arguments = ["-c", "for word in \(text); do printf '%s\\0' \"$word\"; done"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let read = output.split(separator: 0, omittingEmptySubsequences: false).dropLast()
    #expect(read.map { String(decoding: $0, as: UTF8.self) } == words)
  }

  @Test("the command is told with its folder and its variables")
  func whole() {
    let command = EnvironmentCommand(
      ["cargo", "build"], variables: ["B": "2", "A": "one two"], workingDirectory: "/build",
      timeLimitSeconds: 1)
    #expect(ShellCommand(command: command).text == "env -C /build 'A=one two' B=2 cargo build")
  }
}
