import FarmModel

/// Finds items of `versions` that hold for no version, since nothing fits them or an earlier item holds
/// first. Where a requirement is not simple it finds nothing.
struct ItemReach {
  /// With how many items each is compared: a file that has more is not read for longer.
  private static let maximumItems = 1000

  private var earlier: [(interval: VersionInterval, line: Int)] = []

  /// Warns of the next item, should it be of no use.
  ///
  /// - Parameters:
  ///   - when: its requirement; nil: all versions.
  ///   - place: where the requirement stands; nil: nowhere.
  mutating func check(
    _ when: VersionRequirement?, at place: SourcePosition?, item: SourcePosition,
    _ reader: YAMLReader
  ) {
    guard let interval = when.map(VersionInterval.init) ?? .all else { return }
    if interval.isEmpty {
      return reader.report(
        "\(quoted("when")) accepts no version", at: place ?? item, severity: .warning)
    }
    if let other = earlier.first(where: { $0.interval.covers(interval) }) {
      let holds =
        other.interval == .all
        ? "the one before holds for all versions"
        : "the one in line \(other.line) holds for all of its versions"
      return reader.report("this item is never used: \(holds)", at: item, severity: .warning)
    }
    if earlier.count < Self.maximumItems { earlier.append((interval, item.line)) }
  }
}
