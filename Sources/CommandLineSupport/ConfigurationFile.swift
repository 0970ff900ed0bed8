import Foundation
public import Recipes

/// The YAML file given by `--config`: settings by their names.
public struct ConfigurationFile: Sendable, Equatable {
  /// The values of one key and where it stands.
  struct Entry: Sendable, Equatable {
    var texts: [String]
    /// `farm.yaml:3:1`.
    var place: String
  }

  let entries: [SettingName: Entry]

  /// Reads the file.
  ///
  /// Blocks on the disk: call it before anything else runs.
  /// - Throws: all mistakes of the file, with their places.
  public static func load(_ path: String) throws(RecipeErrors) -> ConfigurationFile {
    let bytes: Data
    do {
      bytes = try Data(contentsOf: URL(filePath: path))
    } catch {
      throw RecipeErrors([
        RecipeDiagnostic(
          file: path, line: 0, column: 0,
          message: "the configuration file cannot be read: \(error.localizedDescription)")
      ])
    }
    return try ConfigurationFile(SourceText(path: path, bytes: Array(bytes)))
  }

  /// Reads a file's text.
  /// - Throws: all mistakes of the file, with their places.
  public init(_ source: SourceText) throws(RecipeErrors) {
    let reader = YAMLReader(source)
    entries = reader.read().flatMap { Self.entries($0, reader) } ?? [:]
    if reader.hasErrors { throw RecipeErrors(reader.diagnostics) }
  }

  private static func entries(_ root: YAMLNode, _ reader: YAMLReader) -> [SettingName: Entry]? {
    if root.isNull { return [:] }
    let keys = MappingReader(
      root, reader, name: "the configuration", keys: SettingName.allCases.map(\.rawValue))
    return keys.map { keys in
      var entries: [SettingName: Entry] = [:]
      for name in SettingName.allCases {
        guard let position = keys.keyPositions[name.rawValue] else { continue }
        let place = "\(reader.source.path):\(position.line):\(position.column)"
        entries[name] = Entry(texts: texts(name, keys), place: place)
      }
      return entries
    }
  }

  private static func texts(_ name: SettingName, _ keys: MappingReader) -> [String] {
    let parse: (String) -> String? = { name.accepts($0) ? $0 : nil }
    if name.isList, case .sequence = keys[name.rawValue]?.content {
      return keys.list(name.rawValue, expected: "URL", scalars: .any, parse: parse) ?? []
    }
    let text: String? = keys.value(
      name.rawValue, expected: name.expected, scalars: .any, parse: parse)
    return text.map { [$0] } ?? []
  }
}
