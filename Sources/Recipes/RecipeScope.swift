import FarmModel

/// What an edit can have changed: what lies outside follows the new set as it followed the old one.
public struct RecipeScope: Sendable, Equatable {
  /// The default recipe differs, or there is nothing to compare with.
  public var isEverything: Bool
  /// Triples of targets that were added, changed or removed.
  public var targets: Set<String>
  /// Normalised names of crates whose recipe was added, changed or removed.
  public var crates: Set<String>

  /// - Parameter old: nil: nobody knows what jobs follow, so that everything may have changed.
  public init(from old: RecipeSet?, to new: RecipeSet) {
    guard let old else {
      self.init(isEverything: true)
      return
    }
    self.init(
      isEverything: old.defaults != new.defaults,
      targets: Self.differing(old.targets, new.targets, by: \.triple.text),
      crates: Self.differing(old.recipes, new.recipes, by: \.crate.normalized))
  }

  private init(isEverything: Bool, targets: Set<String> = [], crates: Set<String> = []) {
    self.isEverything = isEverything
    self.targets = targets
    self.crates = crates
  }

  /// All versions and targets.
  public static let everything = RecipeScope(isEverything: true)

  /// Whether every version must be looked at, not only those of ``crates``.
  public var isAboutAllCrates: Bool { isEverything || !targets.isEmpty }

  /// Whether a job of the crate for the target can have changed.
  public func covers(crate normalized: String, target: String) -> Bool {
    isEverything || targets.contains(target) || crates.contains(normalized)
  }

  private static func differing<Item: Equatable>(
    _ old: [Item], _ new: [Item], by name: (Item) -> String
  ) -> Set<String> {
    let before = Dictionary(old.map { (name($0), $0) }) { first, _ in first }
    let after = Dictionary(new.map { (name($0), $0) }) { first, _ in first }
    return Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }
  }
}

extension RecipeSet {
  /// Files that two sets do not share, by path, sorted: how they differ in `self`.
  public func changedFiles(from old: RecipeSet) -> [(path: String, change: FileChange)] {
    let before = Dictionary(old.files.map { ($0.path, $0.bytes) }) { first, _ in first }
    let after = Dictionary(files.map { ($0.path, $0.bytes) }) { first, _ in first }
    return Set(before.keys).union(after.keys).sorted().compactMap { path in
      switch (before[path], after[path]) {
      case (nil, _?): (path, .added)
      case (_?, nil): (path, .removed)
      case (let old, let new): old == new ? nil : (path, .changed)
      }
    }
  }

  /// What became of a file.
  public enum FileChange: String, Sendable, Codable { case added, changed, removed }
}
