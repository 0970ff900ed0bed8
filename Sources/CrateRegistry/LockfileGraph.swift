import FarmModel

extension Lockfile {
  /// What each package depends on: for the package at each place of ``packages``, the places of
  /// others, ascending. What the file does not name clearly is left out.
  public var dependencyGraph: [[Int]] {
    let byName = Dictionary(grouping: packages.indices) { packages[$0].name.text }
    return packages.map { package in
      let found = package.dependencies.compactMap { resolve($0, byName) }
      return Set(found).sorted()
    }
  }

  /// Cargo writes of name, version and source only as much as tells packages apart (its
  /// `core/resolver/encode.rs`).
  private func resolve(_ dependency: String, _ byName: [String: [Int]]) -> Int? {
    let words = dependency.split(separator: " ")
    guard let name = words.first else { return nil }
    let candidates = (byName[String(name)] ?? []).filter { place in
      (words.count < 2 || packages[place].version.description == words[1])
        && (words.count < 3 || packages[place].isFromRegistry)
    }
    return candidates.count == 1 ? candidates[0] : nil
  }
}
