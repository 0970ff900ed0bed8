import FarmModel
import Recipes

extension VersionFacts {
  /// A version with a checksum of `ab` repeated; nil where crate or version is none.
  static func make(_ crate: String, _ version: String, publishedAt: Int64? = nil) -> VersionFacts? {
    guard let name = CrateName(crate), let number = Semver(version) else { return nil }
    return VersionFacts(
      crate: name, version: number, checksum: String(repeating: "ab", count: 32),
      publishedAt: publishedAt)
  }
}

/// What every test's target is called that needs one.
let sampleTarget = SourceText(
  path: "targets/x86_64-unknown-linux-gnu.yaml",
  text: """
    triple: x86_64-unknown-linux-gnu
    executor: docker-cross
    """)

/// The first lines of the diagnostics of a set of files; empty: the files are good.
func problems(_ files: SourceText...) -> [String] {
  do throws(RecipeErrors) {
    return try RecipeSet(files: files).warnings.map(\.summary)
  } catch {
    return error.diagnostics.map(\.summary)
  }
}

/// The diagnostics of one target, `targets/t-x.yaml`.
func targetProblems(_ text: String) -> [String] {
  problems(SourceText(path: "targets/t-x.yaml", text: text))
}

/// The diagnostics of one recipe, `recipes/c.yaml`.
func recipeProblems(_ text: String) -> [String] {
  problems(sampleTarget, SourceText(path: "recipes/c.yaml", text: text))
}
