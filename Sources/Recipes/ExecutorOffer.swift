public import ExecutorKit
import FarmModel

/// How one executor module builds for a target: the target's own executor, or one of its
/// `alternatives`, which a recipe may choose for a crate that the own one cannot build.
public struct ExecutorOffer: Sendable, Equatable {
  /// The module's name.
  public var executor: String
  /// What links with this executor, unless a recipe says otherwise.
  public var linker: Linker
  /// The oldest glibc that its artifacts must run with; nil: nothing is promised.
  public var glibc: String?
  /// What starts a binary in its environment; empty: nothing is needed.
  public var runner: [String]
  /// What the module reads.
  public var configuration: ConfigurationValue
  /// The limits that differ from the target's: emulated builds take many times as long.
  public var limits: LimitsOverlay

  /// An offer without a promise, unless `glibc` makes one.
  public init(
    executor: String, linker: Linker = .gcc, glibc: String? = nil, runner: [String] = [],
    configuration: ConfigurationValue = .map([:]), limits: LimitsOverlay = LimitsOverlay()
  ) {
    self.executor = executor
    self.linker = linker
    self.glibc = glibc
    self.runner = runner
    self.configuration = configuration
    self.limits = limits
  }

  static let keys = ["linker", "glibc", "runner", "configuration", "limits"]

  /// Reads `alternatives:` of a target's file; mistakes are reported to the reader.
  static func readAll(_ node: YAMLNode, _ reader: YAMLReader, own: String?) -> [ExecutorOffer] {
    let expected = "a mapping of executor modules' names and \(keys.joined(separator: ", "))"
    guard case .mapping(let entries) = node.content else {
      reader.report(
        "\(quoted("alternatives")) \(node.isNull ? "has no value" : "is \(node.kindName)")",
        at: node.position, expected: expected)
      return []
    }
    return entries.compactMap { entry in
      guard let name = Vocabulary.executor(entry.key), name != own else {
        reader.report(
          entry.key == own
            ? "\(quoted(entry.key)) is the target's own executor"
            : "\(quoted(entry.key)) is no name of an executor module",
          at: entry.keyPosition, expected: "another executor module such as qemu")
        return nil
      }
      return read(name, entry.value, reader)
    }
  }

  private static func read(
    _ name: String, _ node: YAMLNode, _ reader: YAMLReader
  ) -> ExecutorOffer? {
    MappingReader(node, reader, name: quoted(name), keys: keys).map { keys in
      ExecutorOffer(
        executor: name, linker: linker(keys) ?? .gcc, glibc: glibc(keys),
        runner: runner(keys) ?? [],
        configuration: configuration(keys, reader) ?? .map([:]),
        limits: keys["limits"].flatMap { LimitsOverlay.read($0, reader) } ?? LimitsOverlay())
    }
  }

  static func linker(_ keys: MappingReader) -> Linker? {
    keys.value(
      "linker", expected: "gcc or zig", candidates: Linker.allCases.map(\.rawValue),
      parse: Linker.init(rawValue:))
  }

  static func glibc(_ keys: MappingReader) -> String? {
    keys.value("glibc", expected: "a version such as 2.36", parse: Vocabulary.glibc)
  }

  static func runner(_ keys: MappingReader) -> [String]? {
    keys.list("runner", expected: "argument", scalars: .any) { $0 }
  }

  private static func configuration(
    _ keys: MappingReader, _ reader: YAMLReader
  ) -> ConfigurationValue? {
    guard let node = keys["configuration"] else { return nil }
    guard case .mapping = node.content else {
      reader.report(
        "\(quoted("configuration")) is \(node.kindName)", at: node.position,
        expected: "a mapping with what the executor module reads")
      return nil
    }
    return reader.configuration(node, name: quoted("configuration"))
  }
}

extension TargetDefinition {
  /// A plan of no crate, for an environment to be made ready ahead of builds.
  public func environmentPlan(for offer: ExecutorOffer) -> Plan {
    Plan(
      inputs: BuildInputs(
        crate: "", version: "", checksum: "", target: triple.text, executor: offer.executor,
        configuration: offer.configuration, rust: rust, linker: offer.linker.rawValue,
        glibc: offer.glibc),
      checks: BuildChecks(runner: offer.runner, needed: needed),
      limits: offer.limits.applied(to: limits.applied(to: Limits())))
  }
}
