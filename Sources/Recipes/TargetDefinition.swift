public import ExecutorKit
public import FarmModel

/// What links the binaries of a target.
public enum Linker: String, Sendable, Codable, CaseIterable {
  /// The cross compiler of the executor's image.
  case gcc
  /// zig, which links against any older glibc.
  case zig
}

/// A target that the farm builds for: one file `targets/<triple>.yaml`.
public struct TargetDefinition: Sendable, Equatable {
  /// What is built for; the file's name.
  public var triple: TargetTriple
  /// The name of the executor module.
  public var executor: String
  /// 1: every version is built; 2: the newest one; 3: on request.
  public var tier: Int
  /// Which Rust the target needs: a version requirement such as `>=1.85`.
  public var rust: String
  /// What links, unless a recipe or another executor says otherwise.
  public var linker: Linker
  /// The oldest glibc that the artifacts must run with; nil: none is linked.
  public var glibc: String?
  /// What starts a binary of the target on a builder; empty: nothing is needed.
  public var runner: [String]
  /// The shared libraries that a binary may need.
  public var needed: [String]
  /// The limits that the file names.
  public var limits: LimitsOverlay
  /// The part of the file that the executor module reads.
  public var configuration: ConfigurationValue
  /// Other executors that a recipe may choose, in the file's order.
  public var alternatives: [ExecutorOffer]
  /// Which builders may build for it, and how many at once.
  public var builders: BuilderRule
  /// The file's path and where its keys stand.
  public var origin: Origin

  static let keys = [
    "triple", "executor", "tier", "rust", "linker", "glibc", "runner", "policy", "limits",
    "alternatives", "builders",
  ]

  /// The target's own executor first, then the others.
  public var offers: [ExecutorOffer] {
    let own = ExecutorOffer(
      executor: executor, linker: linker, glibc: glibc, runner: runner,
      configuration: configuration)
    return [own] + alternatives
  }

  /// How an executor builds for the target. One that the file does not name gets no configuration,
  /// and is held to nothing but what every artifact is held to.
  public func offer(of executor: String) -> ExecutorOffer {
    offers.first { $0.executor == executor }
      ?? ExecutorOffer(executor: executor, runner: runner)
  }

  /// Reads a target's file; every mistake is reported to `reader`, then the answer may be nil.
  static func read(_ reader: YAMLReader) -> TargetDefinition? {
    guard let root = reader.read() else {
      if !reader.hasErrors {
        reader.reportFile("the file is empty", expected: "a mapping with triple and executor")
      }
      return nil
    }
    let executor = executorName(of: root)
    let keys = MappingReader(
      root, reader, name: "a target", keys: Self.keys + (executor.map { [$0] } ?? []),
      isKnown: { entry in
        // Without an executor nobody can tell whose mapping this is; that it is missing is said.
        if executor == nil, case .mapping = entry.value.content { return true }
        return false
      })
    return keys.flatMap { Self(keys: $0, reader) }
  }

  private init?(keys: MappingReader, _ reader: YAMLReader) {
    let triple = Self.triple(keys, reader)
    let executor = keys.required("executor", expected: Self.executorExample).flatMap {
      reader.value(
        $0, name: quoted("executor"), expected: Self.executorExample, parse: Self.executor)
    }
    tier = keys.count("tier", maximum: 3) ?? 1
    rust = Self.rust(keys)
    linker = ExecutorOffer.linker(keys) ?? .gcc
    glibc = ExecutorOffer.glibc(keys)
    runner = ExecutorOffer.runner(keys) ?? []
    needed = Self.policy(keys, reader)
    limits = keys["limits"].flatMap { LimitsOverlay.read($0, reader) } ?? LimitsOverlay()
    alternatives =
      keys["alternatives"].map { ExecutorOffer.readAll($0, reader, own: executor) } ?? []
    builders = keys["builders"].flatMap { BuilderRule.read($0, reader) } ?? BuilderRule()
    origin = Origin(keys, within: ["alternatives", "limits", "policy"])
    configuration = executor.flatMap { Self.configuration($0, keys) } ?? .map([:])
    guard let triple, let executor else { return nil }
    self.triple = triple
    self.executor = executor
  }

  private static let executorExample = "the name of an executor module such as docker-cross"

  /// A name that is not also a key of the file itself.
  private static func executor(_ text: String) -> String? {
    keys.contains(text) ? nil : Vocabulary.executor(text)
  }

  /// The executor's name, before anything is reported: it decides which keys are known.
  private static func executorName(of root: YAMLNode) -> String? {
    guard case .mapping(let entries) = root.content,
      let node = entries.first(where: { $0.key == "executor" })?.value,
      case .scalar(let text, _) = node.content
    else { return nil }
    return executor(text)
  }

  private static func triple(_ keys: MappingReader, _ reader: YAMLReader) -> TargetTriple? {
    let expected = "a target triple such as aarch64-unknown-linux-gnu"
    guard let node = keys.required("triple", expected: expected),
      let triple = reader.value(
        node, name: quoted("triple"), expected: expected, parse: { TargetTriple($0) })
    else { return nil }
    if triple.text != reader.source.stem {
      reader.report(
        "\(quoted("triple")) is not the file's name", at: node.position,
        expected: quoted(reader.source.stem))
    }
    return triple
  }

  /// The mapping that is named like the executor; nil: there is none.
  private static func configuration(_ executor: String, _ keys: MappingReader)
    -> ConfigurationValue?
  {
    guard let node = keys[executor] else { return nil }
    guard case .mapping = node.content else {
      keys.reader.report(
        "\(quoted(executor)) is \(node.kindName)", at: node.position,
        expected: "a mapping with what the executor module reads")
      return nil
    }
    return keys.reader.configuration(node, name: quoted(executor))
  }

  private static func rust(_ keys: MappingReader) -> String {
    let expected = "a version requirement such as >=1.85"
    return keys.value("rust", expected: expected) { VersionRequirement($0)?.description }
      ?? ">=1.85"
  }

  private static func policy(_ keys: MappingReader, _ reader: YAMLReader) -> [String] {
    let policy = keys["policy"].flatMap {
      MappingReader($0, reader, name: quoted("policy"), keys: ["needed"])
    }
    return policy?.list("needed", expected: "library name", parse: Vocabulary.library) ?? []
  }
}
