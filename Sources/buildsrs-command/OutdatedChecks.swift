import Backend
import CommandLineSupport
import Database

/// Published builds that were checked as older recipes wanted.
enum OutdatedChecks {
  static let none = "all that is published was checked as the recipes want"

  /// Reads the plans of all jobs until enough are found.
  static func find(
    _ farm: FarmDatabase, limit: Int, target: String? = nil, crate: String? = nil
  ) async throws -> [JobChange] {
    guard let recipes = try await RecipesInForce(farm) else { return [] }
    struct Enough: Error {}
    var found: [JobChange] = []
    do {
      try await recipes.forEachOutdatedCheck { change in
        guard target == nil || change.target == target,
          crate == nil || change.version.crate == crate
        else { return }
        found.append(change)
        if found.count == limit { throw Enough() }
      }
    } catch is Enough {}
    return found
  }

  static func show(_ found: [JobChange], json: Bool) throws {
    if json { return try printJSON(found.map(Line.init)) }
    guard !found.isEmpty else { return print(none) }
    var table = TextTable([
      .init("JOB", .right), .init("CRATE"), .init("VERSION"), .init("TARGET"), .init("CHANGED"),
    ])
    for change in found {
      table.add(
        [
          change.job.map(String.init) ?? "", change.version.crate, change.version.version,
          change.target, change.reason,
        ].map { TextTable.Cell($0) })
    }
    print(table.text(for: Terminal()))
  }

  /// One of them as `--json` prints it.
  private struct Line: Encodable {
    let job: Int64?
    let crate: String
    let version: String
    let target: String
    let changed: String

    init(_ change: JobChange) {
      job = change.job
      crate = change.version.crate
      version = change.version.version
      target = change.target
      changed = change.reason
    }
  }
}
