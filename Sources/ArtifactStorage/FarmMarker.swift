import Foundation

/// The object `farm.json`: which farm the storage belongs to.
///
/// A backend refuses to start without it, so that an unmounted disk or a wrong bucket is noticed
/// before anything is published into it.
public struct FarmMarker: Codable, Sendable, Equatable {
  /// The farm's id, as the database has it.
  public var farm: String

  public init(farm: String) { self.farm = farm }
}

extension ArtifactStore {
  /// The marker of the storage; nil where there is none.
  /// - Throws: ``StorageError/badMarker(reason:)`` where the object is something else.
  public func readMarker() async throws(StorageError) -> FarmMarker? {
    guard let size = try await head(.marker) else { return nil }
    guard size <= 4096 else { throw .badMarker(reason: "it has \(size) bytes") }
    let bytes = try await read(.marker, range: nil).collect()
    do {
      return try JSONDecoder().decode(FarmMarker.self, from: Data(bytes))
    } catch {
      throw .badMarker(reason: "it is no JSON object with the key “farm”")
    }
  }

  /// Marks the storage as a farm's. Again with the same farm it changes nothing.
  /// - Throws: ``StorageError/otherFarm(expected:found:)`` where it is another one's.
  public func writeMarker(_ marker: FarmMarker) async throws(StorageError) {
    if let present = try await readMarker() {
      guard present == marker else {
        throw .otherFarm(expected: marker.farm, found: present.farm)
      }
      return
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    guard let data = try? encoder.encode(marker) else {
      throw .badMarker(reason: "“\(marker.farm)” cannot be written as JSON")
    }
    try await put(.marker, bytes: Array(data) + [10])
  }
}
