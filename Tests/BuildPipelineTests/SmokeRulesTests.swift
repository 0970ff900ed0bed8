import ExecutorKit
import FarmModel
import Testing

@testable import BuildPipeline

@Suite struct SmokeRulesTests {
  private func judge(
    _ ending: CommandResult.Ending, _ output: String = "", expect: String? = nil
  ) throws -> SmokeRules.Finding {
    try SmokeRules.judge(ending, output: output, expect: expect)
  }

  @Test("without an expectation, exit 0 is an answer and another exit a start")
  func verdicts() throws {
    #expect(try judge(.exited(status: 0), "x 1.0") == .verdict(.answered))
    #expect(try judge(.exited(status: 2), "usage: x") == .verdict(.started))
    #expect(try judge(.timedOut) == .verdict(.started))
    #expect(try judge(.exited(status: 101)) == .panicked("it panicked (exit status 101)"))
  }

  @Test("signals, missing files and loader messages break a binary")
  func broken() throws {
    #expect(try judge(.signalled(number: 11)) == .broken("it was ended by signal 11"))
    #expect(
      try judge(.exited(status: 126)) == .broken("it cannot be executed (exit status 126)"))
    let library = "/x: error while loading shared libraries: libz.so.1: cannot open"
    #expect(
      try judge(.exited(status: 1), library) == .broken("the loader refuses it: \(library)"))
    let version = "/x: /lib/libc.so.6: version `GLIBC_2.99' not found (required by /x)"
    #expect(
      try judge(.exited(status: 1), version) == .broken("the loader refuses it: \(version)"))
    if case .broken = try judge(.exited(status: 127)) {} else { Issue.record("127 must be broken") }
  }

  @Test("an expectation decides, but does not excuse a signal")
  func expectations() throws {
    #expect(
      try judge(.exited(status: 1), "a\nripgrep 13", expect: "^ripgrep ") == .verdict(.expected))
    #expect(
      try judge(.exited(status: 0), "grep 13", expect: "^ripgrep ")
        == .broken("its output does not match the recipe's “^ripgrep ”"))
    #expect(
      try judge(.signalled(number: 6), "ripgrep 13", expect: "^ripgrep ")
        == .broken("it was ended by signal 6"))
    #expect(throws: ExecutorFailure.self) {
      try judge(.exited(status: 0), "x", expect: "(")
    }
  }

  @Test("QEMU's own failures are the runner's, a signal that it reports is the program's")
  func qemu() throws {
    let missing = "qemu-aarch64-static: Could not open '/lib/ld-linux-aarch64.so.1': No such file"
    #expect(try judge(.exited(status: 255), missing) == .runnerFailed(missing))
    let signal = "qemu: uncaught target signal 11 (Segmentation fault) - core dumped"
    #expect(
      try judge(.signalled(number: 11), signal) == .broken("it was ended by signal 11"))
  }

  @Test("a Cargo subcommand is also started as Cargo does")
  func attempts() {
    #expect(SmokeRules.defaultAttempts(binary: "rg") == [["--version"], ["--help"]])
    #expect(
      SmokeRules.defaultAttempts(binary: "cargo-edit")
        == [["--version"], ["edit", "--version"], ["--help"]])
  }

  @Test("a recipe's tests apply to the binary that they name, or to all")
  func selection() {
    let tests = [
      SmokeTest(arguments: ["-V"]), SmokeTest(binary: "a", arguments: ["1"]),
      SmokeTest(binary: "b", arguments: ["2"]),
    ]
    #expect(SmokeRules.tests(tests, for: "a").map(\.arguments) == [["-V"], ["1"]])
  }

  @Test("a test of a binary that was not built is found")
  func missing() {
    let tests = [
      SmokeTest(arguments: []), SmokeTest(binary: "a", arguments: []),
      SmokeTest(binary: "b", arguments: []),
    ]
    #expect(SmokeRules.missing(tests, binaries: ["a", "b", "c"]) == nil)
    #expect(SmokeRules.missing(tests, binaries: ["a"]) == "b")
    #expect(SmokeRules.missing([], binaries: ["a"]) == nil)
  }
}
