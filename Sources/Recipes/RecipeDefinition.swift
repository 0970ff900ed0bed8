public import FarmModel

/// What a recipe says of some versions, for all targets and for some.
public struct RecipeBody: Sendable, Equatable {
  /// What holds for all targets.
  public var overlay: RecipeOverlay
  /// Overlays by pattern of the target triple, in the order of the file; all that match apply.
  public var targets: [(pattern: String, position: SourcePosition, overlay: RecipeOverlay)]

  static let keys = RecipeOverlay.keys + ["targets"]

  init(_ keys: MappingReader) {
    overlay = RecipeOverlay(keys)
    targets = keys["targets"].map { Self.targets($0, keys.reader) } ?? []
  }

  /// The overlays that apply to a target, the stronger ones later.
  func overlays(for target: TargetTriple) -> [RecipeOverlay] {
    [overlay] + targets.filter { Vocabulary.covers($0.pattern, target.text) }.map(\.overlay)
  }

  private static func targets(_ node: YAMLNode, _ reader: YAMLReader)
    -> [(pattern: String, position: SourcePosition, overlay: RecipeOverlay)]
  {
    guard case .mapping(let entries) = node.content else {
      reader.report(
        "\(quoted("targets")) is \(node.isNull ? "empty" : node.kindName)", at: node.position,
        expected: "a mapping of target patterns")
      return []
    }
    return entries.compactMap { entry in
      guard let pattern = Vocabulary.targetPattern(entry.key) else {
        reader.report(
          "\(quoted(entry.key)) is no target pattern", at: entry.keyPosition,
          expected: "a triple, in which * and ? stand for others, such as *-linux-musl")
        return nil
      }
      let keys = MappingReader(
        entry.value, reader, name: quoted(pattern), keys: RecipeOverlay.keys)
      return keys.map { (pattern, entry.keyPosition, RecipeOverlay($0)) }
    }
  }

  /// Whether two bodies say the same in the same places: by hand, since tuples are not `Equatable`.
  public static func == (left: RecipeBody, right: RecipeBody) -> Bool {
    left.overlay == right.overlay
      && left.targets.elementsEqual(right.targets) { $0 == $1 }
  }
}

/// How a crate differs from the default recipe: one file `recipes/<crate>.yaml`.
public struct RecipeDefinition: Sendable, Equatable {
  /// Some versions and what holds for them.
  public struct Version: Sendable, Equatable {
    /// Which versions; nil: all. A pre-release counts as the release that it precedes, so that a
    /// recipe holds for `14.0.0-rc.1` as it will for `14.0.0`, unless a comparator tells pre-releases of
    /// that release apart.
    public var when: VersionRequirement?
    /// What holds for them.
    public var body: RecipeBody

    func accepts(_ version: Semver) -> Bool {
      guard let when, !when.accepts(version) else { return true }
      let release = Semver(version.major, version.minor, version.patch)
      return !when.namesPrerelease(of: version) && when.accepts(release)
    }
  }

  /// The crate, by the name that the file gives it.
  public var crate: CrateName
  /// The first that matches holds; none: the default recipe alone.
  public var versions: [Version]
  /// The file's path.
  public var file: String

  /// What holds for a version; nil: only the default recipe.
  public func body(for version: Semver) -> RecipeBody? {
    versions.first { $0.accepts(version) }?.body
  }

  /// Reads a crate's file; every mistake is reported to `reader`, then the answer may be nil.
  static func read(_ reader: YAMLReader) -> RecipeDefinition? {
    guard let root = reader.read() else {
      if !reader.hasErrors {
        reader.reportFile("the file is empty", expected: "a mapping with crate and versions")
      }
      return nil
    }
    let keys = MappingReader(root, reader, name: "a recipe", keys: ["crate", "versions"])
    return keys.flatMap { keys in
      let versions = keys["versions"].map { Self.versions($0, reader) } ?? []
      return crate(keys, reader).map {
        RecipeDefinition(crate: $0, versions: versions, file: reader.source.path)
      }
    }
  }

  /// Reads `_default.yaml`, which may be empty.
  static func readDefault(_ reader: YAMLReader) -> RecipeBody? {
    let root = reader.read()
    guard !reader.hasErrors else { return nil }
    let empty = YAMLNode(.mapping([]), at: .start)
    let node = root.map { $0.isNull ? empty : $0 } ?? empty
    return MappingReader(node, reader, name: "the default recipe", keys: RecipeBody.keys)
      .map { RecipeBody($0) }
  }

  private static func crate(_ keys: MappingReader, _ reader: YAMLReader) -> CrateName? {
    let expected = "the crate's name"
    guard let node = keys.required("crate", expected: expected),
      let name = reader.value(
        node, name: quoted("crate"), expected: expected, parse: { CrateName($0) })
    else { return nil }
    if name.text != reader.source.stem {
      reader.report(
        "\(quoted("crate")) is not the file's name", at: node.position,
        expected: quoted(reader.source.stem))
    }
    return name
  }

  private static func versions(_ node: YAMLNode, _ reader: YAMLReader) -> [Version] {
    guard case .sequence(let items) = node.content else {
      reader.report(
        "\(quoted("versions")) is \(node.isNull ? "empty" : node.kindName)", at: node.position,
        expected: "a list of mappings with when, features and others")
      return []
    }
    var reach = ItemReach()
    return items.compactMap { item in
      return MappingReader(
        item, reader, name: "an item of \(quoted("versions"))", keys: ["when"] + RecipeBody.keys
      ).map { keys in
        let when = keys.value("when", expected: "a version requirement such as >=13") {
          VersionRequirement($0)
        }
        // Of a requirement that cannot be read nobody knows what it accepts.
        if (when == nil) == (keys["when"] == nil) {
          reach.check(when, at: keys["when"]?.position, item: item.position, reader)
        }
        return Version(when: when, body: RecipeBody(keys))
      }
    }
  }
}
