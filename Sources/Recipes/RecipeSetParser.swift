import FarmModel

/// Collects the definitions and diagnostics of many files.
struct RecipeSetParser {
  var targets: [TargetDefinition] = []
  var recipes: [RecipeDefinition] = []
  var defaults: RecipeBody?
  var diagnostics: [RecipeDiagnostic]
  private var readers: [String: YAMLReader] = [:]
  /// How many mistakes and warnings of a file show only when all files are read.
  private var late: [String: [RecipeDiagnostic.Severity: Int]] = [:]

  init(diagnostics: [RecipeDiagnostic]) { self.diagnostics = diagnostics }

  mutating func readTarget(_ file: SourceText) {
    let reader = YAMLReader(file)
    if let target = TargetDefinition.read(reader) { targets.append(target) }
    diagnostics += reader.diagnostics
  }

  mutating func readRecipe(_ file: SourceText) {
    let reader = YAMLReader(file)
    if file.stem == "_default" {
      defaults = RecipeDefinition.readDefault(reader) ?? defaults
    } else if let recipe = RecipeDefinition.read(reader) {
      recipes.append(recipe)
    }
    readers[file.path] = reader
    diagnostics += reader.diagnostics
  }

  /// What only shows when all files are read.
  mutating func checkWhole(hasTargetFiles: Bool) {
    if !hasTargetFiles, diagnostics.isEmpty {
      diagnostics.append(
        RecipeDiagnostic(
          file: "targets", line: 0, column: 0, message: "there is no target",
          expected: "a file <triple>.yaml for each target to build for"))
    }
    checkNames()
    // While a target's file is broken, nobody can tell which patterns match none.
    guard !diagnostics.contains(where: { $0.severity == .error }) else { return }
    for body in [defaults].compactMap({ $0 }) + recipes.flatMap({ $0.versions.map(\.body) }) {
      for target in body.targets { checkPattern(target.pattern, target.position, body) }
    }
    for body in recipes.flatMap({ $0.versions.map(\.body) }) { checkExecutors(body) }
    if let defaults { checkDefaults(defaults) }
    for (file, counts) in late.sorted(by: { $0.key < $1.key }) {
      for severity in [RecipeDiagnostic.Severity.error, .warning] {
        let beyond = counts[severity, default: 0] - YAMLReader.maximumDiagnostics
        diagnostics += [RecipeDiagnostic(beyond: beyond, of: file, severity)].compactMap { $0 }
      }
    }
  }

  /// Adds what has shown late, as many of a file as its reader would keep; the others are counted.
  private mutating func add(_ diagnostic: RecipeDiagnostic) {
    let (file, severity) = (diagnostic.file, diagnostic.severity)
    if !isFull(file, severity) { diagnostics.append(diagnostic) }
    late[file, default: [:]][severity, default: 0] += 1
  }

  /// Whether more of a file are only counted, and need no excerpt.
  private func isFull(_ file: String, _ severity: RecipeDiagnostic.Severity) -> Bool {
    late[file]?[severity] ?? 0 >= YAMLReader.maximumDiagnostics
  }

  private mutating func checkDefaults(_ body: RecipeBody) {
    for overlay in [body.overlay] + body.targets.map(\.overlay) {
      let reader = readers[overlay.origin.file]
      let found = ExecutorWords.withoutEffect(in: overlay) { reader?.lines.excerpt(at: $0) }
      for diagnostic in found { add(diagnostic) }
    }
  }

  private mutating func checkExecutors(_ body: RecipeBody) {
    let words = [(pattern: nil, body.overlay)] + body.targets.map { ($0.pattern, $0.overlay) }
    for (pattern, overlay) in words {
      let reader = isFull(overlay.origin.file, .error) ? nil : readers[overlay.origin.file]
      let mistake = ExecutorWords.mistake(in: overlay, pattern: pattern, targets: targets) {
        reader?.lines.excerpt(at: $0)
      }
      if let mistake { add(mistake) }
    }
  }

  /// Two spellings of one crate's name are two files that contradict each other.
  private mutating func checkNames() {
    var known: [String: RecipeDefinition] = [:]
    for recipe in recipes {
      if let other = known[recipe.crate.normalized] {
        diagnostics.append(
          RecipeDiagnostic(
            file: recipe.file, line: 0, column: 0,
            message: "\(other.file) is a recipe of the same crate", expected: "one file a crate"))
      }
      known[recipe.crate.normalized] = recipe
    }
  }

  private mutating func checkPattern(
    _ pattern: String, _ position: SourcePosition, _ body: RecipeBody
  ) {
    let triples = targets.map(\.triple.text).sorted()
    guard !triples.contains(where: { Vocabulary.covers(pattern, $0) }) else { return }
    let file = body.overlay.origin.file
    let isFull = isFull(file, .warning)
    add(
      RecipeDiagnostic(
        file: file, line: position.line, column: position.column,
        message: "\(quoted(pattern)) matches no target",
        expected: "one of \(triples.joined(separator: ", "))",
        nearest: isFull ? nil : NearestName.of(pattern, in: triples), severity: .warning,
        excerpt: isFull ? nil : readers[file]?.lines.excerpt(at: position)))
  }
}
