import ExecutorKit
import Testing

@testable import BuildPipeline

@Suite struct BuildCommandTests {
  @Test("Cargo is called locked, offline, from outside of the crate")
  func plainCommand() {
    let command = BuildCommand(inputs: inputs(), limits: Limits(timeSeconds: 77)).command
    #expect(
      command.arguments == [
        "cargo", "build", "--release", "--locked", "--offline",
        "--manifest-path=/build/crate/Cargo.toml", "--target=aarch64-unknown-linux-gnu",
        "--message-format=json-render-diagnostics", "--bins",
      ])
    #expect(command.workingDirectory == "/build")
    #expect(command.timeLimitSeconds == 77)
  }

  @Test("features, binaries and cores become arguments")
  func options() {
    var inputs = inputs()
    inputs.features = ["pcre2", "simd"]
    inputs.usesDefaultFeatures = false
    inputs.binaries = ["rg", "other"]
    let command = BuildCommand(inputs: inputs, limits: Limits(cores: 2))
    #expect(
      command.arguments.suffix(5) == [
        "--bin=rg", "--bin=other", "--no-default-features", "--features=pcre2,simd", "--jobs=2",
      ])
  }

  @Test("there is one flag list, with linker and path prefixes")
  func flags() {
    let variables = BuildCommand(inputs: inputs(), limits: Limits()).variables
    let flags = variables["CARGO_ENCODED_RUSTFLAGS"]?.split(separator: "\u{1F}")
    #expect(
      flags == [
        "-Clinker=aarch64-linux-gnu-gcc", "--remap-path-prefix=/build/crate=/demo-1.0.0",
        "--remap-path-prefix=/build/vendor=/vendor", "--remap-path-prefix=/build/store=/vendor",
        "--remap-path-prefix=/build/target=/target",
      ])
    #expect(variables["RUSTFLAGS"] == nil)
    #expect(variables["SOURCE_DATE_EPOCH"] == "1577836800")
    #expect(variables["CARGO_PROFILE_RELEASE_STRIP"] == "symbols")
    #expect(variables["CC_aarch64_unknown_linux_gnu"] == "aarch64-linux-gnu-gcc")
  }

  @Test("a recipe's variables reach the build, but do not replace the farm's")
  func recipeVariables() {
    var inputs = inputs()
    inputs.environment = ["PCRE2_SYS_STATIC": "1", "CARGO_HOME": "/elsewhere"]
    let variables = BuildCommand(inputs: inputs, limits: Limits()).variables
    #expect(variables["PCRE2_SYS_STATIC"] == "1")
    #expect(variables["CARGO_HOME"] == "/build/cargo-home")
  }

  @Test(
    "the compiler is Debian's name for the target",
    arguments: [
      ("x86_64-unknown-linux-gnu", "x86_64-linux-gnu-gcc"),
      ("i686-unknown-linux-gnu", "i686-linux-gnu-gcc"),
      ("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc"),
      ("riscv64gc-unknown-linux-gnu", "riscv64-linux-gnu-gcc"),
      ("powerpc64le-unknown-linux-gnu", "powerpc64le-linux-gnu-gcc"),
    ])
  func compiler(target: String, expected: String) {
    #expect(inputs(target: target).compiler == expected)
  }
}

/// A plan's inputs as most tests want them.
func inputs(target: String = "aarch64-unknown-linux-gnu") -> BuildInputs {
  BuildInputs(
    crate: "demo", version: "1.0.0", checksum: String(repeating: "0", count: 64), target: target,
    executor: "fake", configuration: .map([:]), glibc: "2.36")
}
