import FarmModel
import Foundation

/// The bodies of the requests that carry records: NDJSON, each with the registry's line first. Pure.
enum RecordBatches {
  /// The largest number of lines in a body.
  static let lineLimit = 1000

  /// One body for every `lineLimit` lines; one with the registry's line alone for no versions.
  static func bodies(
    registry: RegistryDescription, versions: [RegistryVersion], lineLimit: Int = lineLimit
  ) -> [[UInt8]] {
    let head = line(.registry(registry))
    var bodies: [[UInt8]] = []
    var rest = versions[...]
    repeat {
      bodies.append(head + rest.prefix(lineLimit - 1).flatMap { line(.version($0)) })
      rest = rest.dropFirst(lineLimit - 1)
    } while !rest.isEmpty
    return bodies
  }

  private static func line(_ record: RegistryRecord) -> [UInt8] {
    // Texts, whole numbers and booleans: JSON can hold them all.
    Array((try? CanonicalJSON.encode(record)) ?? Data()) + [10]
  }
}
