import FarmModel

/// Whether recipes ask for executors that their targets offer.
enum ExecutorWords {
  /// What the default recipe says of how targets build, which only they and crates' recipes decide.
  static func withoutEffect(
    in overlay: RecipeOverlay, excerpt: (SourcePosition) -> String?
  ) -> [RecipeDiagnostic] {
    ["executor", "linker"].compactMap { key in
      overlay.origin.keys[key].map { position in
        RecipeDiagnostic(
          file: overlay.origin.file, line: position.line, column: position.column,
          message: "\(quoted(key)) has no effect in the default recipe",
          expected: "it in a target's file or in a crate's recipe", severity: .warning,
          excerpt: excerpt(position))
      }
    }
  }

  /// What is wrong with a recipe's words for all targets or those of a pattern.
  ///
  /// A word for many targets is right where one of them offers it: the others do not build the crate.
  static func mistake(
    in overlay: RecipeOverlay, pattern: String?, targets: [TargetDefinition],
    excerpt: (SourcePosition) -> String?
  ) -> RecipeDiagnostic? {
    guard let executor = overlay.executor, let position = overlay.origin.keys["executor"] else {
      return nil
    }
    let covered = targets.filter { target in
      pattern.map { Vocabulary.covers($0, target.triple.text) } ?? true
    }
    let offered = Set(covered.flatMap(\.offers).map(\.executor)).sorted()
    // That a pattern matches no target is told by itself.
    guard !covered.isEmpty, !offered.contains(executor) else { return nil }
    let whose = covered.count == 1 ? covered[0].triple.text : "any of these targets"
    return RecipeDiagnostic(
      file: overlay.origin.file, line: position.line, column: position.column,
      message: "no target file offers the executor \(quoted(executor)) for \(whose)",
      expected: offered.joined(separator: " or "),
      nearest: NearestName.of(executor, in: offered), excerpt: excerpt(position))
  }
}
