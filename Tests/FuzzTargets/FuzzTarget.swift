/// A reader of foreign bytes that is fuzzed, and what must hold whatever the bytes are.
///
/// Beyond the properties of each target: nothing traps, and an input of 64 KB costs less than
/// ``processorSeconds``.
public enum FuzzTarget: String, Sendable, CaseIterable {
  /// A file of a registry's index: `parseIndexFile`.
  case index
  /// A `.crate`: `inspectCrate` and `unpackCrate`.
  case crate
  /// A `Cargo.toml`: `Manifest(toml:)`, and `AuthorMetadata` of what it says about builds.
  case manifest
  /// The YAML of targets and recipes: `RecipeSet(files:)`, plans and messages.
  case recipes
  /// Versions and version requirements.
  case semver

  /// How long an input may take, in seconds of the processor.
  public static let processorSeconds = 1.0

  /// The largest input that is tried, in bytes.
  public static let largestInput = 64 << 10

  /// Reads an input and checks what must hold.
  /// - Throws: what does not hold.
  public func run(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
    let start = threadProcessorSeconds()
    let outcome = try check(input)
    let seconds = threadProcessorSeconds() - start
    guard seconds <= Self.processorSeconds else {
      throw FuzzFinding("\(input.count) bytes took \(seconds) seconds of the processor")
    }
    return outcome
  }

  private func check(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
    switch self {
    case .index: try checkIndexFile(input)
    case .crate: try checkCrate(input)
    case .manifest: try checkManifest(input)
    case .recipes: try checkRecipeFiles(input)
    case .semver: try checkVersions(input)
    }
  }
}

/// What the reader made of an input. Both are right; a target that only ever sees one of them tests
/// little.
public enum FuzzOutcome: Sendable, CaseIterable {
  /// Something of the input was taken.
  case accepted
  /// Nothing was.
  case refused
}

/// Something that must hold does not.
public struct FuzzFinding: Error, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}

/// Throws a finding where a condition does not hold.
func expect(_ condition: Bool, _ what: @autoclosure () -> String) throws(FuzzFinding) {
  if !condition { throw FuzzFinding(what()) }
}
