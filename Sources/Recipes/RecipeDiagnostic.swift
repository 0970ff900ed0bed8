/// One thing that is wrong with a file, and where.
public struct RecipeDiagnostic: Error, Sendable, Equatable, Codable, CustomStringConvertible {
  /// How bad it is.
  public enum Severity: String, Sendable, Codable {
    /// The file cannot be used.
    case error
    /// The file works, but hardly as meant.
    case warning

    /// What so many of them are called.
    func noun(_ count: Int) -> String {
      (self == .error ? "mistake" : "warning") + (count == 1 ? "" : "s")
    }
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
  /// Whether the file can be used all the same.
  public var severity: Severity
  /// The line of the file with a caret below the column.
  public var excerpt: String?
  /// How many more of its kind in the file this one stands for, which are not kept; nil: it is one itself.
  public var unlisted: Int?

  /// - Parameters:
  ///   - line: from 1; 0 where the whole file is meant, as for `column`.
  ///   - excerpt: the line of the file with a caret below the column.
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

  /// Says how many more diagnostics a file has than are kept of it; nil: none.
  init?(beyond count: Int, of file: String, _ severity: Severity) {
    guard count > 0 else { return nil }
    self.init(
      file: file, line: 0, column: 0,
      message: "and \(count) more \(severity.noun(count)), which are not listed",
      severity: severity)
    unlisted = count
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

  /// - Parameter diagnostics: by file, then by place; at least one is an error.
  public init(_ diagnostics: [RecipeDiagnostic]) { self.diagnostics = diagnostics }

  /// What ``RecipeDiagnostic/forPeople(_:)`` tells.
  public var description: String {
    RecipeDiagnostic.forPeople(diagnostics).map(\.description).joined(separator: "\n")
  }
}

extension RecipeDiagnostic {
  /// How many errors of one file are shown to people, and how many warnings.
  static let shownOfFile = 50

  /// The diagnostics without those of a file that nobody would read: behind its first fifty errors and
  /// fifty warnings it is told how many more there are. No warning takes an error's place.
  public static func forPeople(_ all: [RecipeDiagnostic]) -> [RecipeDiagnostic] {
    var shown: [RecipeDiagnostic] = []
    var files: [String] = []
    var ofFile: [String: [RecipeDiagnostic]] = [:]
    for diagnostic in all {
      if ofFile[diagnostic.file] == nil { files.append(diagnostic.file) }
      ofFile[diagnostic.file, default: []].append(diagnostic)
    }
    for file in files {
      var counts: [Severity: Int] = [:]
      for diagnostic in ofFile[file] ?? [] {
        let isListed = diagnostic.unlisted == nil
        if isListed, counts[diagnostic.severity, default: 0] < shownOfFile {
          shown.append(diagnostic)
        }
        counts[diagnostic.severity, default: 0] += diagnostic.unlisted ?? 1
      }
      for severity in [Severity.error, .warning] {
        let more = counts[severity, default: 0] - shownOfFile
        if var diagnostic = RecipeDiagnostic(beyond: more, of: file, severity) {
          diagnostic.message = "and \(more) more \(severity.noun(more))"
          shown.append(diagnostic)
        }
      }
    }
    return shown
  }

  /// How many errors there are, listed or not.
  public static func errorCount(_ all: [RecipeDiagnostic]) -> Int {
    all.reduce(0) { $0 + ($1.severity == .error ? $1.unlisted ?? 1 : 0) }
  }
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
