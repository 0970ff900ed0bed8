/// How many crates one sync may mark deleted. Pure.
///
/// A registry whose server answers 404 for everything, or whose index was pushed empty, says the same as one
/// that has removed its crates: only a person can tell the two apart.
struct DeletionBound: Sendable {
  /// An operator has said that whatever is gone is meant to be.
  let isLifted: Bool

  /// One in a hundred; of fewer than 10,000 crates 100 of them, but at most half; of few, ten.
  static func limit(of crates: Int) -> Int {
    max(crates / 100, min(100, crates / 2), 10)
  }

  /// - Parameters:
  ///   - gone: crates that would be marked deleted, as far as that is known.
  ///   - crates: how many were looked for.
  ///   - isWhole: `gone` counts all of them.
  /// - Throws: ``SyncError/massDeletion(gone:isWhole:crates:limit:)``.
  func check(gone: Int, of crates: Int, isWhole: Bool) throws(SyncError) {
    let limit = Self.limit(of: crates)
    guard !isLifted, gone > limit else { return }
    throw .massDeletion(gone: gone, isWhole: isWhole, crates: crates, limit: limit)
  }
}
