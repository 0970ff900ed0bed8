public import ExecutorKit

/// Whether a recipe leaves something out.
public enum SkipRule: Sendable, Equatable {
  /// Nothing is built, for this reason.
  case because(String)
  /// `skip: false`: built, whatever a more general recipe says.
  case never
}

/// What a recipe says of a version; nil: nothing, so that a more general recipe decides.
///
/// Lists replace what was there; `packages`, `environment` and `limits` replace key by key; `needed`
/// adds to it.
public struct RecipeOverlay: Sendable, Equatable {
  /// Cargo features to switch on.
  public var features: [String]?
  /// Whether the crate's default features are on.
  public var usesDefaultFeatures: Bool?
  /// Which binaries are built; empty: all.
  public var binaries: [String]?
  /// Names of packages of the system by package system, such as `debian`.
  public var packages: [String: [String]] = [:]
  /// More variables of the build, with their values.
  public var environment: [String: String] = [:]
  /// How binaries are started, and what they must print; empty: as without any recipe.
  public var smoke: [SmokeTest]?
  /// The limits that the recipe names.
  public var limits = LimitsOverlay()
  /// Whether anything is built at all.
  public var skip: SkipRule?
  /// Shared libraries that binaries may need besides those of weaker recipes and of the target.
  public var needed: [String] = []
  /// An executor module, in place of the target's own.
  public var executor: String?
  /// What links, in place of the executor's own choice.
  public var linker: Linker?
  /// The file and where the overlay's keys stand.
  public var origin: Origin

  static let keys = [
    "features", "default-features", "binaries", "packages", "environment", "smoke", "limits",
    "skip", "needed", "executor", "linker",
  ]

  init(origin: Origin) { self.origin = origin }

  /// Reads the keys of one mapping, whatever else the mapping may hold.
  init(_ keys: MappingReader) {
    let reader = keys.reader
    origin = Origin(keys, within: ["packages", "environment", "limits", "needed"])
    features = keys.list("features", expected: "feature name", parse: Vocabulary.feature)
    usesDefaultFeatures = keys.boolean("default-features")
    binaries = keys.list("binaries", expected: "binary's name", parse: Vocabulary.binary)
    packages = Self.packages(keys)
    environment = keys["environment"].map { Self.environment($0, reader) } ?? [:]
    let built = binaries ?? []
    smoke = keys["smoke"].flatMap { SmokeTest.read($0, reader, of: built) }
    limits = keys["limits"].flatMap { LimitsOverlay.read($0, reader) } ?? limits
    skip = keys["skip"].flatMap { Self.skip($0, reader) }
    needed = keys.list("needed", expected: "library name", parse: Vocabulary.library) ?? []
    executor = keys.value(
      "executor", expected: "the name of an executor module", parse: Vocabulary.executor)
    linker = ExecutorOffer.linker(keys)
  }

  private static func packages(_ keys: MappingReader) -> [String: [String]] {
    let systems = keys["packages"].flatMap {
      MappingReader($0, keys.reader, name: quoted("packages"), keys: ["debian"])
    }
    let debian = systems?.list(
      "debian", expected: "package name", parse: Vocabulary.debianPackage)
    return debian.map { ["debian": $0] } ?? [:]
  }

  private static func environment(_ node: YAMLNode, _ reader: YAMLReader) -> [String: String] {
    guard case .mapping(let entries) = node.content else {
      reader.report(
        "\(quoted("environment")) is \(node.kindName)", at: node.position,
        expected: "a mapping of variables and their values")
      return [:]
    }
    var variables: [String: String] = [:]
    for entry in entries {
      if let reason = EnvironmentNames.refusal(of: entry.key) {
        reader.report(
          reason.isEmpty
            ? "\(quoted(entry.key)) is no name of a variable"
            : "\(quoted(entry.key)) cannot be set: \(reason)",
          at: entry.keyPosition, expected: reason.isEmpty ? EnvironmentNames.expected : nil)
      } else {
        variables[entry.key] = reader.text(
          entry.value, name: quoted(entry.key), expected: "the variable's value")
      }
    }
    return variables
  }

  private static func skip(_ node: YAMLNode, _ reader: YAMLReader) -> SkipRule? {
    let expected = "the reason as text, or false"
    let name = quoted("skip")
    // Whoever writes `no` or `off` means to build: that must not become the reason why nothing is built.
    if case .boolean(false) = node.plainMeaning { return .never }
    guard let text = reader.text(node.withoutClosingLineFeed, name: name, expected: expected) else {
      return nil
    }
    let word = text.filter { $0 != " " }.lowercased()
    guard node.plainMeaning == nil, !word.isEmpty, !switches.contains(word) else {
      reader.report("\(name) gives no reason", at: node.position, expected: expected)
      return nil
    }
    return .because(text)
  }

  /// What people write for on and off; in quotes, too, it is no reason.
  static let switches = ["true", "false", "yes", "no", "on", "off", "y", "n"]
}

extension SmokeTest {
  /// - Parameter binaries: those that are built, where the recipe names them; empty: any may be.
  static func read(
    _ node: YAMLNode, _ reader: YAMLReader, of binaries: [String]
  ) -> [SmokeTest]? {
    guard case .sequence(let items) = node.content else {
      reader.report(
        "\(quoted("smoke")) is \(node.isNull ? "empty" : node.kindName)", at: node.position,
        expected: "a list of mappings with binary, arguments, expect")
      return nil
    }
    return items.compactMap { item in
      MappingReader(
        item, reader, name: "an item of \(quoted("smoke"))",
        keys: ["binary", "arguments", "expect"]
      ).map { keys in
        SmokeTest(
          binary: keys.value(
            "binary",
            expected: binaries.isEmpty
              ? "a binary's name" : "one of “binaries”: \(binaries.joined(separator: ", "))",
            candidates: binaries
          ) { name in
            Vocabulary.binary(name).flatMap { binaries.isEmpty || binaries.contains($0) ? $0 : nil }
          },
          arguments: keys.list("arguments", expected: "argument", scalars: .any) { $0 } ?? [
            "--version"
          ],
          expect: keys.value(
            "expect", expected: "a regular expression as RE2 takes it, of at most 500 bytes",
            parse: Vocabulary.regularExpression))
      }
    }
  }
}
