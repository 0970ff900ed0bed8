import ExecutorKit
import Testing

@testable import BuildPipeline

@Suite struct BuildErrorsTests {
  private func failure(
    _ ending: CommandResult.Ending, _ lines: [String] = []
  ) -> ExecutorFailure? {
    var errors = BuildErrors()
    for line in lines { errors.read(line) }
    return errors.failure(of: CommandResult(ending, seconds: 1), limits: Limits(timeSeconds: 5))
  }

  @Test("what Cargo prints decides the class of a failed build")
  func classes() {
    let cases: [([String], FailureClass)] = [
      (["error[E0425]: cannot find value `x` in this scope"], .compile),
      (["error: linking with `aarch64-linux-gnu-gcc` failed: exit status: 1"], .link),
      (["error: linker `aarch64-linux-gnu-gcc` not found"], .link),
      (
        [
          "error: cannot update the lock file /build/crate/Cargo.lock because --locked was passed"
            + " to prevent this"
        ], .lockfile
      ),
      (["error: the lock file Cargo.lock needs to be updated but --locked was passed"], .lockfile),
      (["error: no matching package named `memchr` found"], .lockfile),
      (
        ["error: linking with `cc` failed", "  = note: ld: final close: No space left on device"],
        .diskFull
      ),
      (["error: failed to write x: File too large (os error 27)"], .diskFull),
      (["  process didn't exit successfully (signal: 25, SIGXFSZ: file size limit)"], .diskFull),
      (["  process didn't exit successfully: `build-script-build` (signal: 25)"], .diskFull),
      ([], .compile),
    ]
    for (lines, expected) in cases {
      #expect(failure(.exited(status: 101), lines)?.failureClass == expected, "\(lines)")
    }
  }

  @Test("a library that needs a newer glibc than zig links against is told with the remedy")
  func lowGlibc() {
    let lines = [
      "error: linking with `x86_64-linux-gnu-zig-cc` failed: exit status: 1",
      "  = note: ld.lld: error: undefined symbol: __isoc23_strtol",
    ]
    func message(linker: String, packages: [String], _ lines: [String]) -> String? {
      var inputs = inputs()
      (inputs.linker, inputs.glibc, inputs.packages) = (linker, "2.17", ["debian": packages])
      var errors = BuildErrors()
      for line in lines { errors.read(line) }
      let plan = Plan(inputs: inputs, checks: BuildChecks(), limits: Limits())
      let result = CommandResult(.exited(status: 101), seconds: 1)
      return errors.failure(of: result, plan: plan)?.message
    }
    let remedy = "with `linker: gcc` in the recipe, the artifact tells its real floor"
    let compiling = ["error: failed to run custom build command for `x v1.0.0`"]
    for lines in [lines, compiling] {
      #expect(
        message(linker: "zig", packages: ["libx-dev"], lines) == lines[0]
          + "\nzig does not use the system's libx-dev, which may need a newer glibc than the"
          + " promised 2.17: " + remedy)
      #expect(message(linker: "gcc", packages: ["libx-dev"], lines) == lines[0])
    }
    #expect(
      message(linker: "zig", packages: [], lines) == lines[0]
        + "\nwhat is linked may need a newer glibc than the promised 2.17: " + remedy)
    #expect(message(linker: "zig", packages: [], [lines[0]]) == lines[0])
    #expect(message(linker: "zig", packages: [], compiling) == compiling[0])
  }

  @Test("a process that cannot be started is a failure to compile, which names the limit")
  func processLimit() {
    let refusal = "  cannot start a process: Resource temporarily unavailable (os error 11)"
    let failed = failure(.exited(status: 101), ["error: failed to run custom build", refusal])
    #expect(failed?.failureClass == .compile)
    #expect(failed?.message.contains("a limit of 1024 processes") == true)
  }

  @Test("the way a command ended goes before what it printed")
  func endings() {
    let lines = ["error: linking with `cc` failed"]
    #expect(failure(.exited(status: 0), lines) == nil)
    #expect(failure(.timedOut, lines)?.failureClass == .timeout)
    #expect(failure(.outOfMemory, lines)?.failureClass == .outOfMemory)
    #expect(failure(.signalled(number: 9), lines)?.failureClass == .infrastructure)
    #expect(failure(.exited(status: 127), lines)?.failureClass == .infrastructure)
    #expect(failure(.signalled(number: 11))?.failureClass == .compile)
  }

  @Test("the message is the first errors that were printed")
  func message() {
    let lines = [
      "warning: unused", "error: one", "  --> src/main.rs", "error: two", "error: could",
    ]
    #expect(failure(.exited(status: 101), lines)?.message == "error: one\nerror: two\nerror: could")
    #expect(
      failure(.exited(status: 3))?.message
        == "cargo build ended with exit status 3 and printed no error; see the log")
  }
}

@Suite struct CargoMessageTests {
  @Test("an executable of a binary is found, that of a build script is not")
  func executables() {
    let binary =
      #"{"reason":"compiler-artifact","package_id":"p","target":{"kind":["bin"],"#
      + #""crate_types":["bin"],"name":"rg"},"executable":"/build/target/t/release/rg"}"#
    #expect(CargoMessage.parse(binary) == .binary(name: "rg", path: "/build/target/t/release/rg"))
    let script = binary.replacing(#""kind":["bin"]"#, with: #""kind":["custom-build"]"#)
    #expect(CargoMessage.parse(script) == .other)
    let library = binary.replacing(#""/build/target/t/release/rg""#, with: "null")
    #expect(CargoMessage.parse(library) == .other)
  }

  @Test("what is none of Cargo's messages is text")
  func text() {
    for line in ["", "hello", "{", #"{"reason":1}"#, #"{"other":"x"}"#, "[1]"] {
      #expect(CargoMessage.parse(line) == .text, "\(line)")
    }
  }
}
