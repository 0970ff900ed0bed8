import ExecutorKit
import Foundation

/// How Cargo is called: the one place that knows, so that every module builds the same bytes.
struct BuildCommand: Sendable {
  let inputs: BuildInputs
  let limits: Limits

  /// Cargo looks for configuration from here upwards: outside of the crate, so that nothing of the
  /// crate's own `.cargo/config.toml` is read.
  static let workingDirectory = "/build"

  var command: EnvironmentCommand {
    EnvironmentCommand(
      arguments, variables: variables, workingDirectory: Self.workingDirectory,
      timeLimitSeconds: limits.timeSeconds)
  }

  var arguments: [String] {
    var arguments = [
      "cargo", "build", "--release", "--locked", "--offline",
      "--manifest-path=/build/crate/Cargo.toml", "--target=\(inputs.target)",
      "--message-format=json-render-diagnostics",
    ]
    if inputs.binaries.isEmpty { arguments.append("--bins") }
    arguments += inputs.binaries.map { "--bin=\($0)" }
    if !inputs.usesDefaultFeatures { arguments.append("--no-default-features") }
    if !inputs.features.isEmpty {
      arguments.append("--features=" + inputs.features.joined(separator: ","))
    }
    if let cores = limits.cores { arguments.append("--jobs=\(max(1, cores))") }
    return arguments
  }

  /// The plan's own variables first: what the farm relies on cannot be changed by a recipe.
  var variables: [String: String] {
    inputs.environment.merging(fixedVariables) { _, fixed in fixed }
  }

  private var fixedVariables: [String: String] {
    var variables = cargoVariables.merging(compilerVariables) { first, _ in first }
    if inputs.linker == "zig" { variables[BuildInputs.zigGlibcVariable] = inputs.glibc }
    return variables
  }

  private var cargoVariables: [String: String] {
    [
      "CARGO_HOME": "/build/cargo-home",
      "CARGO_TARGET_DIR": "/build/target",
      "CARGO_NET_OFFLINE": "true",
      "CARGO_TERM_COLOR": "never",
      "CARGO_INCREMENTAL": "0",
      "CARGO_PROFILE_RELEASE_STRIP": "symbols",
      "CARGO_ENCODED_RUSTFLAGS": Self.rustFlags(for: inputs).joined(separator: "\u{1F}"),
      "SOURCE_DATE_EPOCH": String(inputs.sourceDateEpoch),
      "PKG_CONFIG_ALLOW_CROSS": "1",
      "PKG_CONFIG_LIBDIR": "/usr/lib/\(inputs.gnuTriple)/pkgconfig:/usr/share/pkgconfig",
      "HOME": "/tmp",
      "LC_ALL": "C.UTF-8",
      "TERM": "dumb",
    ]
  }

  /// What build scripts that compile C read (docs.rs/cc, "External configuration via environment
  /// variables"): for the target, and for what runs on the builder.
  private var compilerVariables: [String: String] {
    let name = inputs.target.replacing("-", with: "_").replacing(".", with: "_")
    var variables = ["CC_\(name)": inputs.compiler]
    // Only the toolchains of GNU's targets have these under such names.
    if inputs.gnuTriple.contains("-gnu") {
      variables["CXX_\(name)"] = inputs.cxxCompiler
      variables["AR_\(name)"] = inputs.archiver
    }
    let flags = Self.pathMap(for: inputs).map { "-ffile-prefix-map=\($0)=\($1)" }
    for language in ["CFLAGS", "CXXFLAGS"] {
      // The most specific variable hides the others: a recipe's flags go into it.
      let own = inputs.environment["\(language)_\(name)"] ?? inputs.environment[language]
      variables["\(language)_\(name)"] = ([own].compactMap(\.self) + flags).joined(separator: " ")
      variables["HOST_\(language)"] = flags.joined(separator: " ")
    }
    return variables
  }

  /// What names of files become in what is built: panic messages, C's `__FILE__` and debug information
  /// name a source by its crate, not by where the farm happened to lay it out.
  static func pathMap(for inputs: BuildInputs) -> [(from: String, to: String)] {
    [
      ("/build/crate", "/\(inputs.crate)-\(inputs.version)"), ("/build/vendor", "/vendor"),
      ("/build/store", "/vendor"), ("/build/target", "/target"),
    ]
  }

  /// The only flag list. Since `--target` is always given, Cargo applies it to what runs on the
  /// target, not to build scripts. A second mechanism (`RUSTFLAGS`, `target.<triple>.rustflags`)
  /// would silently win or lose, so there is none.
  static func rustFlags(for inputs: BuildInputs) -> [String] {
    ["-Clinker=\(inputs.compiler)"]
      + pathMap(for: inputs).map { "--remap-path-prefix=\($0)=\($1)" }
  }
}
