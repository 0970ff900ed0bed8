import Dispatch
import Recipes

/// Reads the recipes' files where blocking is allowed.
enum RecipeLoading {
  /// - Throws: `RecipeErrors` with everything that is wrong.
  static func load(targets: String, recipes: String) async throws -> RecipeSet {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(
          with: Result { try RecipeSet.load(targetsDirectory: targets, recipesDirectory: recipes) })
      }
    }
  }
}
