import FarmModel

/// Collects the definitions and diagnostics of many files.
struct RecipeSetParser {
  var targets: [TargetDefinition] = []
  var recipes: [RecipeDefinition] = []
  var defaults: RecipeBody?
  var diagnostics: [RecipeDiagnostic]
  private var readers: [String: YAMLReader] = [:]

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
  }

  private mutating func checkDefaults(_ body: RecipeBody) {
    for overlay in [body.overlay] + body.targets.map(\.overlay) {
      let reader = readers[overlay.origin.file]
      diagnostics += ExecutorWords.withoutEffect(in: overlay) { reader?.lines.excerpt(at: $0) }
    }
  }

  private mutating func checkExecutors(_ body: RecipeBody) {
    let words = [(pattern: nil, body.overlay)] + body.targets.map { ($0.pattern, $0.overlay) }
    for (pattern, overlay) in words {
      let reader = readers[overlay.origin.file]
      let mistake = ExecutorWords.mistake(in: overlay, pattern: pattern, targets: targets) {
        reader?.lines.excerpt(at: $0)
      }
      if let mistake { diagnostics.append(mistake) }
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
    diagnostics.append(
      RecipeDiagnostic(
        file: file, line: position.line, column: position.column,
        message: "\(quoted(pattern)) matches no target",
        expected: "one of \(triples.joined(separator: ", "))",
        nearest: NearestName.of(pattern, in: triples), severity: .warning,
        excerpt: readers[file]?.lines.excerpt(at: position)))
  }
}
