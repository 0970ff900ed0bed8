/// How many crates one sync may mark deleted, and how many versions of crates that stay. Pure.
///
/// A registry whose server answers 404 for everything, or whose index was pushed empty, says the same as one
/// that has removed its crates, and one whose files are cut says the same as one that has removed versions:
/// only a person can tell the two apart.
struct DeletionBound: Sendable {
  /// An operator has said that whatever is gone is meant to be.
  let isLifted: Bool

  /// One in a hundred; of fewer than 10,000 crates (or versions) 100 of them, but at most half; of few, ten.
  static func limit(of known: Int) -> Int {
    max(known / 100, min(100, known / 2), 10)
  }

  /// However few are known, so many may go.
  static let least = limit(of: 0)

  /// - Parameters:
  ///   - kind: what is counted.
  ///   - gone: how many would be marked deleted, as far as that is known.
  ///   - known: how many there were, or were looked for.
  ///   - isWhole: `gone` counts all of them.
  /// - Throws: ``SyncError/massDeletion(of:gone:isWhole:known:limit:)``.
  func check(
    _ kind: SyncError.Deleted, gone: Int, of known: @autoclosure () -> Int, isWhole: Bool
  ) throws(SyncError) {
    guard !isLifted, gone > Self.least else { return }
    let known = known()
    let limit = Self.limit(of: known)
    guard gone > limit else { return }
    throw .massDeletion(of: kind, gone: gone, isWhole: isWhole, known: known, limit: limit)
  }
}
