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

  @Test("C code of crates is compiled for the target, and its paths are remapped like Rust's")
  func compilers() {
    let variables = BuildCommand(inputs: inputs(), limits: Limits()).variables
    #expect(variables["AR_aarch64_unknown_linux_gnu"] == "aarch64-linux-gnu-ar")
    #expect(variables["CXX_aarch64_unknown_linux_gnu"] == "aarch64-linux-gnu-g++")
    let flags =
      "-ffile-prefix-map=/build/crate=/demo-1.0.0 -ffile-prefix-map=/build/vendor=/vendor"
      + " -ffile-prefix-map=/build/store=/vendor -ffile-prefix-map=/build/target=/target"
    #expect(variables["CFLAGS_aarch64_unknown_linux_gnu"] == flags)
    #expect(variables["HOST_CFLAGS"] == flags)
    #expect(variables["CXXFLAGS_aarch64_unknown_linux_gnu"] == flags)
    #expect(variables[BuildInputs.zigGlibcVariable] == nil)
  }

  @Test("a recipe's flags for C are kept beside the farm's")
  func recipeFlags() {
    var inputs = inputs()
    inputs.environment = ["CFLAGS": "-DA", "CXXFLAGS_aarch64_unknown_linux_gnu": "-DB"]
    let variables = BuildCommand(inputs: inputs, limits: Limits()).variables
    let (c, cxx) = (
      variables["CFLAGS_aarch64_unknown_linux_gnu"],
      variables["CXXFLAGS_aarch64_unknown_linux_gnu"]
    )
    #expect(c?.hasPrefix("-DA -ffile-prefix-map=") == true)
    #expect(cxx?.hasPrefix("-DB -ffile-prefix-map=") == true)
  }

  @Test("zig links and compiles C, and is told the promised glibc")
  func zig() {
    var inputs = inputs(target: "i686-unknown-linux-gnu")
    (inputs.linker, inputs.glibc) = ("zig", "2.17")
    let variables = BuildCommand(inputs: inputs, limits: Limits()).variables
    #expect(BuildCommand.rustFlags(for: inputs).first == "-Clinker=i686-linux-gnu-zig-cc")
    #expect(variables["CC_i686_unknown_linux_gnu"] == "i686-linux-gnu-zig-cc")
    #expect(variables["CXX_i686_unknown_linux_gnu"] == "i686-linux-gnu-zig-c++")
    #expect(variables["AR_i686_unknown_linux_gnu"] == "i686-linux-gnu-ar")
    #expect(variables["BUILDSRS_GLIBC"] == "2.17")
  }

  @Test("a musl toolchain is only asked for its C compiler")
  func musl() {
    let inputs = inputs(target: "x86_64-unknown-linux-musl")
    let variables = BuildCommand(inputs: inputs, limits: Limits()).variables
    #expect(variables["CC_x86_64_unknown_linux_musl"] == "x86_64-linux-musl-gcc")
    #expect(variables["AR_x86_64_unknown_linux_musl"] == nil)
    #expect(variables["CXX_x86_64_unknown_linux_musl"] == nil)
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
