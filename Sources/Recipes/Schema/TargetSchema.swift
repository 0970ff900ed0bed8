/// The schema of a target's file.
enum TargetSchema {
  static var body: SchemaPart.Schema {
    var schema = SchemaPart.object(properties, required: ["triple", "executor"])
    // The executor's own mapping is named like it, which no schema can say: any such mapping will do.
    schema["patternProperties"] = .map([
      "^(?!(\(others))$)\(SchemaPart.executorPattern)\(SchemaPart.end)": .map([
        "type": "object", "additionalProperties": .map(["$ref": "#/$defs/configuration"]),
        "description": "What the executor module of this name reads.",
      ])
    ])
    schema["$defs"] = .map(["configuration": .map(configuration)])
    return schema
  }

  private static var others: String { TargetDefinition.keys.joined(separator: "|") }

  private static var properties: [String: SchemaPart.Schema] {
    [
      "triple": SchemaPart.text(
        #"(?=.{1,64}$)[a-z0-9_][a-z0-9_.]*(-[a-z0-9_][a-z0-9_.]*){1,3}"#,
        "The Rust target triple, which is the file's name."),
      "executor": SchemaPart.text(
        "(?!(\(others))$)\(SchemaPart.executorPattern)", "The name of an executor module."),
      "tier": SchemaPart.count(
        3, "1: every version; 2: the newest version; 3: on request."),
      "rust": SchemaPart.versions, "linker": SchemaPart.linker, "glibc": glibc,
      "runner": runner,
      "policy": SchemaPart.object(
        ["needed": SchemaPart.list(SchemaPart.library)], "What binaries are held against."),
      "limits": SchemaPart.limits, "alternatives": alternatives, "builders": builders,
    ]
  }

  private static var glibc: SchemaPart.Schema {
    SchemaPart.text(
      #"2\.[0-9]{1,3}"#,
      "The oldest glibc that the artifacts must run with; none: none is linked.")
  }

  private static var runner: SchemaPart.Schema {
    SchemaPart.list(
      SchemaPart.scalar(), "What starts a binary on a builder; empty: nothing is needed.")
  }

  private static var alternatives: SchemaPart.Schema {
    let offer = SchemaPart.object([
      "linker": SchemaPart.linker, "glibc": glibc, "runner": runner,
      "configuration": [
        "type": "object", "additionalProperties": .map(["$ref": "#/$defs/configuration"]),
      ],
      "limits": SchemaPart.limits,
    ])
    return [
      "type": "object", "propertyNames": .map(SchemaPart.executor),
      "additionalProperties": .map(offer),
      "description": "Other executor modules that a recipe may choose.",
    ]
  }

  private static var builders: SchemaPart.Schema {
    SchemaPart.object(
      [
        "module": SchemaPart.versions,
        "labels": [
          "type": "object", "additionalProperties": .map(SchemaPart.scalar()),
        ],
        "concurrent": SchemaPart.count(
          Quantities.maximumCount,
          "How many jobs of the target run at once in the whole farm."),
      ], "Which builders may build for it.")
  }

  /// Whatever a module reads: text, numbers, truth values, and lists and mappings of them.
  private static var configuration: SchemaPart.Schema {
    let itself: SchemaValue = .map(["$ref": "#/$defs/configuration"])
    return SchemaPart.any(
      SchemaPart.text(SchemaPart.line), ["type": "boolean"],
      ["type": "number", "minimum": -9_007_199_254_740_992, "maximum": 9_007_199_254_740_992],
      ["type": "array", "items": itself],
      ["type": "object", "additionalProperties": itself])
  }
}
