/// Which statements a connection has prepared, the least recently used one first to go.
final class StatementCache {
  private struct Entry {
    var name: String
    var lastUse: UInt64
  }

  private let limit: Int
  private var entries: [String: Entry] = [:]
  private var uses: UInt64 = 0
  private var names = 0

  init(limit: Int) { self.limit = limit }

  func contains(_ sql: String) -> Bool { entries[sql] != nil }

  /// The statement's name on the server, and marks it as just used.
  func use(_ sql: String) -> String? {
    uses += 1
    entries[sql]?.lastUse = uses
    return entries[sql]?.name
  }

  /// Names are never used twice, even when preparing has failed.
  func nextName() -> String {
    names += 1
    return "s\(names)"
  }

  /// Returns the name of the statement to deallocate on the server, when there are too many.
  func insert(_ sql: String, name: String) -> String? {
    uses += 1
    entries[sql] = Entry(name: name, lastUse: uses)
    guard entries.count > limit,
      let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
    else { return nil }
    entries[oldest.key] = nil
    return oldest.value.name
  }

  func forget(_ sql: String) { entries[sql] = nil }
}
