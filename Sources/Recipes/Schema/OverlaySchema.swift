/// The schema of what a recipe says of some versions, for all targets and for some.
enum OverlaySchema {
  /// The keys of a recipe's body.
  static var body: [String: SchemaPart.Schema] {
    let patterns: SchemaPart.Schema = [
      "type": "object", "propertyNames": .map(SchemaPart.text(targetPattern)),
      "additionalProperties": .map(SchemaPart.object(overlay)),
      "description": "By pattern of the target triple; all that match apply, in order.",
    ]
    return overlay.merging(["targets": patterns]) { $1 }
  }

  /// At most four `*`.
  private static let targetPattern =
    #"(?![^*]*(\*[^*]*){5})[a-z0-9*?][a-z0-9*?_.-]{0,127}"#

  private static var overlay: [String: SchemaPart.Schema] {
    [
      "features": SchemaPart.list(SchemaPart.feature, "Cargo features to switch on."),
      "default-features": SchemaPart.boolean,
      "binaries": SchemaPart.list(SchemaPart.binary, "Which binaries to build; none: all."),
      "packages": SchemaPart.object(
        ["debian": SchemaPart.list(SchemaPart.debianPackage)],
        "System packages that the build needs, by package system."),
      "environment": environment,
      "smoke": SchemaPart.list(smoke, "How binaries are started, and what they must print."),
      "limits": SchemaPart.limits,
      "skip": SchemaPart.any(
        ["const": false], SchemaPart.text(reason),
        description: "Why nothing is built; false: built, whatever a more general recipe says."),
      "needed": SchemaPart.list(
        SchemaPart.library, "Shared libraries that a binary may need besides the target's."),
      "executor": SchemaPart.executor, "linker": SchemaPart.linker,
    ]
  }

  /// One line that says something, and no word for on or off, in whatever letters and spaces.
  private static var reason: String {
    let words = RecipeOverlay.switches.map { word in
      word.map { "[\($0)\($0.uppercased())] *" }.joined()
    }
    return "(?! *((\(words.joined(separator: "|"))))?\\n?\(SchemaPart.end))\(SchemaPart.line)\\n?"
  }

  private static var smoke: SchemaPart.Schema {
    SchemaPart.object([
      "binary": SchemaPart.binary, "arguments": SchemaPart.list(SchemaPart.scalar()),
      "expect": SchemaPart.text(
        #"[^\u0000-\u001f\u007f-\u009f]{0,500}"#, "A regular expression."),
    ])
  }

  private static var environment: SchemaPart.Schema {
    let names = EnvironmentNames.refused.exact.sorted().joined(separator: "|")
    let prefixes = EnvironmentNames.refused.prefixes.sorted().joined(separator: "|")
    let suffixes = EnvironmentNames.refused.suffixes.sorted().joined(separator: "|")
    return [
      "type": "object",
      "propertyNames": .map(
        SchemaPart.text(
          "(?!(\(names))$)(?!\(prefixes))(?!.*(\(suffixes))$)[A-Z][A-Z0-9_]{0,127}")),
      "additionalProperties": .map(SchemaPart.scalar()),
      "description": "More variables for the build.",
    ]
  }
}
