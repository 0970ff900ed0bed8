import ExecutorKit
public import FarmModel
import Foundation

extension AuthorMetadata {
  /// The largest table that is looked at, in bytes of JSON: a hundred times a sensible one.
  static let maximumBytes = 16 << 10
  /// How many names a list may have.
  static let maximumNames = 100
  private static let maximumWarnings = 20

  /// What `Cargo.toml` says; nil: nothing. Whatever is wrong with it becomes a warning.
  ///
  /// - Parameters:
  ///   - buildsrs: `[package.metadata.buildsrs]` as JSON.
  ///   - binstall: `[package.metadata.binstall]` as JSON, of which only the opt-out from prebuilt
  ///     binaries by third parties counts.
  ///   - knownBinaries: the names of the package's binaries.
  public init?(buildsrs: String?, binstall: String?, knownBinaries: [String]) {
    guard buildsrs != nil || binstall != nil else { return nil }
    self.init()
    if let buildsrs { read(buildsrs, knownBinaries) }
    if let binstall, optOut == nil { readBinstall(binstall) }
    warnings = Array(warnings.prefix(Self.maximumWarnings))
    guard self != AuthorMetadata() else { return nil }
  }

  static let keys = ["features", "default-features", "binaries", "targets", "opt-out"]

  private mutating func read(_ json: String, _ knownBinaries: [String]) {
    guard let table = Self.table(json) else {
      warn("it cannot be read, or is larger than \(Self.maximumBytes) bytes")
      return
    }
    for (key, value) in table.sorted(by: { $0.key < $1.key }) {
      switch key {
      case "features": features = list(key, value, "a feature's name", Vocabulary.feature)
      case "default-features":
        usesDefaultFeatures = value.boolean
        if value.boolean == nil { warn("“default-features” must be true or false") }
      case "binaries":
        // No name left means all binaries, as does a list that is empty.
        binaries = list(key, value, "one of the package's binaries") { name in
          knownBinaries.contains(name) ? Vocabulary.binary(name) : nil
        }
      case "targets":
        let patterns = list(
          key, value, "a target triple, or a pattern such as *-linux-musl",
          Vocabulary.targetPattern)
        // Nothing that could be understood is no wish to be built for nothing.
        targets = patterns?.isEmpty == true && value.list?.isEmpty == false ? nil : patterns
      case "opt-out": readOptOut(value)
      default:
        let nearest = NearestName.of(key, in: Self.keys).map { "did you mean \(quoted($0))?" }
        warn(
          "unknown key \(quoted(key)): "
            + (nearest ?? "expected one of \(Self.keys.joined(separator: ", "))"))
      }
    }
  }

  private mutating func readOptOut(_ value: ConfigurationValue) {
    switch value {
    case .boolean(true): optOut = "the crate's author wants no binaries from builds.rs"
    case .boolean(false): break
    case .text(let reason) where !reason.isEmpty:
      optOut = "the crate's author wants no binaries from builds.rs: \(quoted(reason))"
    default: warn("“opt-out” must be true, false or a reason")
    }
  }

  /// What other farms of prebuilt binaries respect: github.com/cargo-bins/cargo-quickinstall.
  private mutating func readBinstall(_ json: String) {
    let strategies = Self.table(json)?["disabled-strategies"]?.list?.compactMap(\.text) ?? []
    if strategies.contains("quick-install") {
      optOut =
        "the crate's author wants no binaries from third parties: “quick-install” is disabled for "
        + "cargo binstall"
    }
  }

  private mutating func list(
    _ key: String, _ value: ConfigurationValue, _ expected: String, _ parse: (String) -> String?
  ) -> [String]? {
    guard let items = value.list else {
      warn("\(quoted(key)) must be a list")
      return nil
    }
    if items.count > Self.maximumNames { warn("\(quoted(key)) has too many items") }
    return items.prefix(Self.maximumNames).compactMap { item in
      let name = item.text.flatMap(parse)
      if name == nil {
        warn("\(quoted(key)): \(quoted(item.text ?? "an item")) is not \(expected)")
      }
      return name
    }
  }

  private mutating func warn(_ text: String) {
    warnings.append("[package.metadata.buildsrs]: \(text), ignored")
  }

  private static func table(_ json: String) -> [String: ConfigurationValue]? {
    guard json.utf8.count <= maximumBytes else { return nil }
    return (try? JSONDecoder().decode(ConfigurationValue.self, from: Data(json.utf8)))?.map
  }
}

extension ConfigurationValue {
  fileprivate var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
}

extension AuthorMetadata {
  /// Where values come from that the author gave.
  static let origin = "Cargo.toml [package.metadata.buildsrs]"

  /// What it says as part of a recipe. Names are checked once more: the text may have come by another
  /// way than ``init(buildsrs:binstall:knownBinaries:)``.
  func overlay(for target: TargetTriple) -> RecipeOverlay {
    var overlay = RecipeOverlay(origin: Origin(file: Self.origin))
    overlay.features = features?.compactMap(Vocabulary.feature)
    overlay.usesDefaultFeatures = usesDefaultFeatures
    overlay.binaries = binaries?.compactMap(Vocabulary.binary)
    if let targets,
      !targets.compactMap(Vocabulary.targetPattern)
        .contains(where: { Vocabulary.covers($0, target.text) })
    {
      overlay.skip = .because(
        targets.isEmpty
          ? "the crate's author wants no target built"
          : "the crate's author wants builds for \(quoted(targets.joined(separator: ", "))) only")
    }
    if overlay.skip != nil { overlay.origin.keys["skip"] = .start }
    if features != nil { overlay.origin.keys["features"] = .start }
    if usesDefaultFeatures != nil { overlay.origin.keys["default-features"] = .start }
    if binaries != nil { overlay.origin.keys["binaries"] = .start }
    return overlay
  }
}
