import Blocking
public import Database
public import Recipes

/// Reads recipes where blocking is allowed.
enum RecipeLoading {
  /// - Throws: `RecipeErrors` with everything that is wrong.
  static func load(targets: String, recipes: String) async throws -> RecipeSet {
    try await offCooperativePool {
      try RecipeSet.load(targetsDirectory: targets, recipesDirectory: recipes)
    }
  }

  /// A revision's set.
  ///
  /// - Throws: `RecipeErrors` where this program does not understand what another one has installed.
  static func read(_ revision: RecipeRevision) async throws -> RecipeSet {
    try await offCooperativePool { try revision.recipeSet() }
  }
}

extension RecipeRevision {
  /// The targets and recipes of the revision. Blocks while it reads them.
  ///
  /// - Throws: `RecipeErrors` where this program does not understand what another one has installed.
  public func recipeSet() throws(RecipeErrors) -> RecipeSet {
    try RecipeSet(
      files: files.sorted { $0.key < $1.key }.map { SourceText(path: $0.key, text: $0.value) })
  }
}

extension FarmDatabase {
  /// By triple, how many jobs may run at once for targets that have a limit, by the recipes in force; none
  /// where this program does not understand them.
  public func targetLimits() async throws -> [String: Int] {
    guard let revision = try await activeRecipes() else { return [:] }
    return (try? await RecipeLoading.read(revision))?.targetLimits ?? [:]
  }

  /// Puts a set in force.
  ///
  /// - Throws: `RecipesChanged` where another revision than the expected one is.
  public func install(
    _ set: RecipeSet, note: String, expecting expectation: RecipeExpectation = .any
  ) async throws -> RecipeInstallation {
    let files = set.files.map { ($0.path, String(decoding: $0.bytes, as: UTF8.self)) }
    return try await installRecipes(
      digest: set.digest, files: Dictionary(files) { first, _ in first }, note: note,
      expecting: expectation)
  }
}
