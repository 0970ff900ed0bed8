import Foundation

/// The JSON Schema (draft 2020-12) of a file of targets or recipes, for editors and other programs.
///
/// It accepts what the loader accepts, where a file is read by YAML's core schema (YAML 1.2.2, section
/// 10.3), as far as a schema can say it. What it cannot: that a key stands twice, that a file is named like
/// its crate or target, which name an executor's own mapping has, that a regular expression is one of
/// RE2's, and that `.nan` is no number.
public enum RecipeSchema: String, Sendable, CaseIterable {
  /// `recipes/<crate>.yaml`
  case recipe
  /// `targets/<triple>.yaml`
  case target
  /// `recipes/_default.yaml`
  case `default`

  /// The schema as JSON text, always the same.
  public var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(document), as: UTF8.self)
    }
  }

  private var document: SchemaValue {
    var root = body
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    root["title"] = .text(title)
    return .map(root)
  }

  private var title: String {
    switch self {
    case .recipe: "How a crate differs from the default recipe: recipes/<crate>.yaml"
    case .target: "A target that the farm builds for: targets/<triple>.yaml"
    case .default: "What holds for every crate: recipes/_default.yaml"
    }
  }

  private var body: [String: SchemaValue] {
    switch self {
    case .recipe:
      SchemaPart.object(
        [
          "crate": SchemaPart.text(
            "[A-Za-z_][A-Za-z0-9_-]{0,63}", "The crate's name, which is the file's."),
          "versions": SchemaPart.list(
            SchemaPart.object(OverlaySchema.body.merging(["when": SchemaPart.versions]) { $1 }),
            "The first item whose `when` accepts a version holds; none: the default recipe alone."),
        ], required: ["crate"])
    case .target: TargetSchema.body
    case .default:
      // A file without a word is a default recipe, too.
      SchemaPart.object(OverlaySchema.body).merging(["type": ["object", "null"]]) { $1 }
    }
  }
}

/// The pieces that schemas are made of.
enum SchemaPart {
  typealias Schema = [String: SchemaValue]

  static func object(
    _ properties: [String: Schema], required: [String] = [], _ description: String? = nil
  ) -> Schema {
    var schema: Schema = [
      "type": "object", "properties": .map(properties.mapValues { .map($0) }),
      "additionalProperties": false,
    ]
    if !required.isEmpty { schema["required"] = .list(required.map { .text($0) }) }
    return described(schema, description)
  }

  static func list(_ items: Schema, _ description: String? = nil) -> Schema {
    described(["type": "array", "items": .map(items)], description)
  }

  static func any(_ schemas: Schema..., description: String? = nil) -> Schema {
    described(["anyOf": .list(schemas.map { .map($0) })], description)
  }

  static func described(_ schema: Schema, _ description: String?) -> Schema {
    guard let description else { return schema }
    return schema.merging(["description": .text(description)]) { $1 }
  }

  /// The end of a text. `$` is that, too, by the standard, but before a closing line feed for some
  /// programs.
  static let end = #"(?![\s\S])"#

  /// A text that a pattern fits as a whole.
  static func text(_ pattern: String, _ description: String? = nil) -> Schema {
    described(["type": "string", "pattern": .text("^(\(pattern))\(end)")], description)
  }

  /// One line of text.
  static let line = #"[^\u0000-\u001f\u007f-\u009f]*"#

  /// Any text without control characters, or what YAML takes for a number or a truth value.
  static func scalar(_ description: String? = nil) -> Schema {
    any(text(line), ["type": ["number", "boolean"]], description: description)
  }

  static func choice(_ names: [String], _ description: String) -> Schema {
    described(["enum": .list(names.map { .text($0) })], description)
  }

  /// A whole number from 1 to `maximum`, with or without quotes.
  static func count(_ maximum: Int, _ description: String) -> Schema {
    any(
      ["type": "integer", "minimum": 1, "maximum": .number(Double(maximum))],
      text("0*(\(positive(upTo: UInt64(maximum))))"), description: description)
  }

  static let boolean = any(
    ["type": "boolean"], choice(["true", "false"], "In quotes."))

  static let size = any(
    ["type": "integer", "minimum": 1, "maximum": .number(Double(Quantities.maximumSize))],
    text(quantity(Quantities.sizeUnits, maximum: Quantities.maximumSize)),
    description: "A size such as 4GiB, 512MiB or 65536.")
  static let duration = text(
    quantity(Quantities.durationUnits, maximum: Quantities.maximumDuration),
    "A duration such as 90s, 15m or 2h; at most a week.")

  /// Numbers with the units that people write behind them, so that none is above `maximum`.
  private static func quantity(_ units: [String: Int64], maximum: Int64) -> String {
    let parts = units.sorted { $0.key < $1.key }.map { unit, factor in
      "(\(positive(upTo: UInt64(maximum / factor)))) *\(unit)"
    }
    return "0*(\(parts.joined(separator: "|")))"
  }

  /// A number of 64 bits.
  private static let number = "(0|\(positive(upTo: UInt64.max)))"
  private static let identifiers = #"[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*"#
  private static let prerelease =
    #"(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*"#
  private static let comparator =
    "((>=|<=|>|<|=|~|\\^) *)?(\(number)((\\.[*xX]){0,2}|\\.\(number)(\\.[*xX])?"
    + "|\\.\(number)\\.\(number)(-\(prerelease))?(\\+\(identifiers))?))"

  /// A pattern of the whole numbers from 1 to `maximum`, in decimal: those with fewer digits, those that
  /// are smaller from some digit on, and itself.
  static func positive(upTo maximum: UInt64) -> String {
    let all = Array(String(maximum))
    let smaller = all.indices.compactMap { index -> String? in
      let lowest = index == 0 ? 1 : 0
      guard let digit = all[index].wholeNumberValue, digit > lowest else { return nil }
      return String(all[..<index]) + "[\(lowest)-\(digit - 1)][0-9]{\(all.count - index - 1)}"
    }
    let shorter = all.count > 1 ? ["[1-9][0-9]{0,\(all.count - 2)}"] : []
    return (shorter + smaller + [String(all)]).joined(separator: "|")
  }

  /// Cargo's version requirements.
  static let versions = text(
    " *([*xX]|\(comparator)( *, *\(comparator)){0,31}) *",
    "A version requirement as in Cargo.toml, such as >=13 or >=1.2, <2.")

  static let feature = text(#"[A-Za-z0-9_][A-Za-z0-9_\-+./?]{0,127}"#)
  static let binary = text("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
  static let library = text("[A-Za-z0-9_][A-Za-z0-9_+.-]{0,127}")
  static let debianPackage = text("[a-z0-9][a-z0-9+.-]{0,126}[a-z0-9+.]")
  static let executorPattern = #"[a-z][a-z0-9-]{0,127}"#
  static let executor = text(executorPattern, "The name of an executor module.")
  static let linker = choice(
    Linker.allCases.map(\.rawValue), "The image's compiler, or zig for an older glibc.")

  static let limits = object(
    [
      "memory": size, "time": duration, "log": size, "disk": size,
      "processes": count(
        Quantities.maximumCount, "Processes and threads at once."),
    ], "What an attempt may use.")
}
