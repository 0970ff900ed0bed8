import Foundation

extension RecipeSet {
  /// Reads all `*.yaml` files of two directories, not of the directories inside them. Links must lead to
  /// regular files in the same directory.
  ///
  /// Blocks on the disk: call it where blocking is allowed.
  /// - Throws: everything that is wrong with any of the files; nothing is taken of a set with errors.
  public static func load(targetsDirectory: String, recipesDirectory: String)
    throws(RecipeErrors) -> RecipeSet
  {
    var problems: [RecipeDiagnostic] = []
    let targets = files(in: targetsDirectory, holding: "targets", &problems)
    let recipes = files(in: recipesDirectory, holding: "recipes", &problems)
    return try RecipeSet(targets: targets, recipes: recipes, problems: problems)
  }

  private static func files(
    in directory: String, holding what: String, _ problems: inout [RecipeDiagnostic]
  ) -> [SourceText] {
    let folder = directory.hasSuffix("/") ? String(directory.dropLast()) : directory
    let names: [String]
    let resolved: String
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
      resolved = try RecipeFile.resolved(directory)
    } catch {
      problems.append(unreadable(folder, holding: what, error))
      return []
    }
    var files: [SourceText] = []
    for name in names where !name.hasPrefix(".") {
      let path = "\(folder)/\(name)"
      if name.hasSuffix(".yml") {
        problems.append(
          RecipeDiagnostic(
            file: path, line: 0, column: 0, message: "the file is not read",
            expected: "a name that ends in .yaml", severity: .warning))
      }
      guard name.hasSuffix(".yaml") else { continue }
      do throws(RecipeFile.Refusal) {
        let bytes = try RecipeFile.read(path, in: resolved)
        files.append(SourceText(path: path, bytes: bytes))
      } catch {
        problems.append(
          RecipeDiagnostic(
            file: path, line: 0, column: 0, message: "the file cannot be read: \(error.reason)",
            expected: error.expected))
      }
    }
    return files
  }

  private static func unreadable(_ path: String, holding what: String, _ error: any Error)
    -> RecipeDiagnostic
  {
    let cause =
      (error as? RecipeFile.Refusal)?.reason ?? (error as NSError).localizedFailureReason
      ?? error.localizedDescription
    return RecipeDiagnostic(
      file: path, line: 0, column: 0,
      message: "the directory of \(what) cannot be read: \(cause)")
  }
}
