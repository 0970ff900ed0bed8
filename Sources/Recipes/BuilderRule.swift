import FarmModel

/// Which builders may build for a target, and how many jobs of it run at once: `builders:` in its file.
public struct BuilderRule: Sendable, Equatable {
  /// Which versions of the executor module will do: a version requirement; nil: any.
  public var module: String?
  /// Labels that a builder must carry, with their values.
  public var labels: [String: String] = [:]
  /// How many jobs of the target run at once in the whole farm; nil: as many as there are slots.
  public var concurrent: Int?

  /// Any builder, and no bound.
  public init() {}

  static let keys = ["module", "labels", "concurrent"]

  /// Reads the mapping; mistakes are reported to the reader.
  static func read(_ node: YAMLNode, _ reader: YAMLReader) -> BuilderRule? {
    guard let keys = MappingReader(node, reader, name: quoted("builders"), keys: keys) else {
      return nil
    }
    var rule = BuilderRule()
    rule.module = keys.value("module", expected: "a version requirement such as >=0.2") {
      VersionRequirement($0)?.description
    }
    rule.concurrent = keys.count("concurrent", maximum: Quantities.maximumCount)
    if let labels = keys["labels"] { rule.labels = Self.labels(labels, reader) }
    return rule
  }

  private static func labels(_ node: YAMLNode, _ reader: YAMLReader) -> [String: String] {
    guard case .mapping(let entries) = node.content else {
      reader.report(
        "\(quoted("labels")) is \(node.kindName)", at: node.position,
        expected: "a mapping of labels and their values")
      return [:]
    }
    var labels: [String: String] = [:]
    for entry in entries {
      labels[entry.key] = reader.text(
        entry.value, name: quoted(entry.key), expected: "the label's value")
    }
    return labels
  }
}
