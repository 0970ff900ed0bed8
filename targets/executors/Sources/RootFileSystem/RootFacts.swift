public import ExecutorKit
import Foundation

/// What is known of a root file system, as its script has written it down: lines of `NAME=VALUE`.
public struct RootFacts: Sendable, Equatable {
  /// `sha256:…` over the sorted tree: kinds, modes, link targets, contents.
  public let digest: String
  /// The whole line of `rustc --version`.
  public let rustc: String
  /// The whole line of `cargo --version`.
  public let cargo: String
  /// The version lines of C compilers, by the programs' names.
  public let linkers: [String: String]

  /// Nil where one of the lines is missing.
  init?(text: String) {
    var values: [String: String] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
    }
    guard let digest = values["digest"], digest.hasPrefix("sha256:"),
      let rustc = values["rustc"], rustc.hasPrefix("rustc "),
      let cargo = values["cargo"], cargo.hasPrefix("cargo ")
    else { return nil }
    (self.digest, self.rustc, self.cargo) = (digest, rustc, cargo)
    let prefix = "linker "
    var linkers: [String: String] = [:]
    for (name, value) in values where name.hasPrefix(prefix) {
      linkers[String(name.dropFirst(prefix.count))] = value
    }
    self.linkers = linkers
  }

  /// - Throws: ``ExecutorFailure`` where the compiler that the plan asks for is not in it.
  public func identity(
    compiler: String, name: String, sharesHostPart: Bool
  ) throws(ExecutorFailure) -> EnvironmentIdentity {
    guard let linker = linkers[compiler] else {
      throw ExecutorFailure(
        .infrastructure,
        "the root file system \(name) has no \(compiler), but"
          + " \(linkers.keys.sorted().joined(separator: ", "));"
          + " correct the linker or the configuration in the target's YAML")
    }
    return EnvironmentIdentity(
      digest: digest, rustc: rustc, cargo: cargo, linker: linker,
      hostDigest: sharesHostPart ? digest : nil, facts: ["root file system": name])
  }

  /// The number in ``rustc``, such as `1.96.0`.
  public var rustVersion: String {
    rustc.split(separator: " ").dropFirst().first.map(String.init) ?? ""
  }
}
