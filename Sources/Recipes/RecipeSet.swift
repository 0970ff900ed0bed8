import Cryptography
public import FarmModel

/// All targets and recipes of a farm, of one revision: a value that never changes.
public struct RecipeSet: Sendable, Equatable {
  /// By triple.
  public let targets: [TargetDefinition]
  /// By crate name.
  public let recipes: [RecipeDefinition]
  /// What holds for every crate.
  public let defaults: RecipeBody
  /// The files that the set was read from, by path: `targets/<file>` and `recipes/<file>`, whatever
  /// directories they were in. ``init(files:)`` makes an equal set of them.
  public let files: [SourceText]
  /// SHA-256 over the files' names and contents, 64 lower-case hexadecimal digits.
  public let digest: String
  /// What works, but hardly as meant.
  public let warnings: [RecipeDiagnostic]

  private let targetsByTriple: [String: TargetDefinition]
  private let recipesByName: [String: RecipeDefinition]

  /// Reads files named `targets/<triple>.yaml`, `recipes/<crate>.yaml` and `recipes/_default.yaml`.
  /// - Throws: everything that is wrong with any of the files.
  public init(files: [SourceText]) throws(RecipeErrors) {
    try self.init(
      targets: files.filter { $0.path.hasPrefix("targets/") },
      recipes: files.filter { $0.path.hasPrefix("recipes/") })
  }

  /// Reads files, which are told apart by the list that they are in; messages name their paths.
  init(targets: [SourceText], recipes: [SourceText], problems: [RecipeDiagnostic] = [])
    throws(RecipeErrors)
  {
    var parser = RecipeSetParser(diagnostics: problems)
    for file in targets { parser.readTarget(file) }
    for file in recipes { parser.readRecipe(file) }
    parser.checkWhole(hasTargetFiles: !targets.isEmpty)
    guard !parser.diagnostics.contains(where: { $0.severity == .error }) else {
      throw RecipeErrors(parser.diagnostics)
    }
    self.targets = parser.targets.sorted { $0.triple.text < $1.triple.text }
    self.recipes = parser.recipes.sorted { $0.crate.text < $1.crate.text }
    defaults = parser.defaults ?? .empty
    warnings = parser.diagnostics
    files =
      (Self.named("targets", targets) + Self.named("recipes", recipes))
      .sorted { $0.path < $1.path }
    digest = SHA256.hex(
      of: files.map { "\($0.path) \(SHA256.hex(of: $0.bytes))\n" }.joined())
    targetsByTriple = Dictionary(self.targets.map { ($0.triple.text, $0) }) { first, _ in first }
    recipesByName = Dictionary(self.recipes.map { ($0.crate.normalized, $0) }) { first, _ in first }
  }

  /// The definition of a target; nil: the farm does not build for it.
  public func target(_ triple: TargetTriple) -> TargetDefinition? { targetsByTriple[triple.text] }

  /// The recipe of a crate, however its name is spelled; nil: only the default recipe holds.
  public func recipe(for crate: CrateName) -> RecipeDefinition? { recipesByName[crate.normalized] }

  private static func named(_ directory: String, _ files: [SourceText]) -> [SourceText] {
    files.map { SourceText(path: "\(directory)/\($0.stem).yaml", bytes: $0.bytes) }
  }
}

extension RecipeBody {
  /// A recipe that says nothing.
  static var empty: RecipeBody { RecipeBody(overlay: RecipeOverlay(origin: Origin(file: ""))) }

  private init(overlay: RecipeOverlay) {
    self.overlay = overlay
    targets = []
  }
}
