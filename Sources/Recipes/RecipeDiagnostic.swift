/// One thing that is wrong with a file, and where.
public struct RecipeDiagnostic: Error, Sendable, Equatable, Codable, CustomStringConvertible {
  public enum Severity: String, Sendable, Codable {
    /// The file cannot be used.
    case error
    /// The file works, but hardly as meant.
    case warning
  }

  /// The path as it was given, such as `targets/x86_64-unknown-linux-gnu.yaml`.
  public var file: String
  /// From 1; 0 where the whole file is meant.
  public var line: Int
  /// In characters, from 1; 0 where the whole file is meant.
  public var column: Int
  /// What is wrong.
  public var message: String
  /// What would be right.
  public var expected: String?
  /// The known name that was probably meant.
  public var nearest: String?
  public var severity: Severity
  /// The line of the file with a caret below the column.
  public var excerpt: String?

  public init(
    file: String, line: Int, column: Int, message: String, expected: String? = nil,
    nearest: String? = nil, severity: Severity = .error, excerpt: String? = nil
  ) {
    self.file = file
    self.line = line
    self.column = column
    self.message = message
    self.expected = expected
    self.nearest = nearest
    self.severity = severity
    self.excerpt = excerpt
  }

  /// One line: place, what is wrong, and what would be right.
  public var summary: String {
    let place = line > 0 ? "\(file):\(line):\(column)" : file
    let word = severity == .warning ? "warning: " : ""
    let remedy =
      nearest.map { ": did you mean \(quoted($0))?" } ?? expected.map { ": expected \($0)" } ?? ""
    return "\(place): \(word)\(message)\(remedy)"
  }

  /// ``summary`` and below it the line of the file with a caret.
  public var description: String { excerpt.map { "\(summary)\n\($0)" } ?? summary }
}

/// Everything that is wrong with a set of files; at least one diagnostic is an error.
public struct RecipeErrors: Error, Sendable, Equatable, CustomStringConvertible {
  /// By file, then by place.
  public var diagnostics: [RecipeDiagnostic]

  public init(_ diagnostics: [RecipeDiagnostic]) { self.diagnostics = diagnostics }

  public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

/// A text of a file as messages show it: quoted, on one line, not endless, and harmless to a terminal.
func quoted(_ text: String) -> String {
  var shown = ""
  for scalar in text.unicodeScalars.prefix(80) {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator:
      shown += "\\u{\(String(scalar.value, radix: 16))}"
    default: shown.unicodeScalars.append(scalar)
    }
  }
  return text.unicodeScalars.count > 80 ? "“\(shown)…”" : "“\(shown)”"
}
