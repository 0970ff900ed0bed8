import Blocking
import Foundation

/// `registry-sync.json` in the state directory.
struct SyncStateFile: Sendable {
  let folder: String

  var path: String { "\(folder)/registry-sync.json" }
  /// Where `.crate` files are while they are looked into.
  var downloads: String { "\(folder)/registry-sync-downloads" }

  /// The state of the last sync; nil, perhaps with the reason, where there is none to be used.
  func load() async -> (state: SyncState?, problem: String?) {
    await offCooperativePool { [path] in
      guard FileManager.default.fileExists(atPath: path) else { return (nil, nil) }
      do {
        let data = try Data(contentsOf: URL(filePath: path))
        let state = try JSONDecoder().decode(SyncState.self, from: data)
        guard state.format == SyncState.currentFormat else {
          return (nil, "it has the format \(state.format), not \(SyncState.currentFormat)")
        }
        return (state, nil)
      } catch {
        return (nil, "it cannot be read")
      }
    }
  }

  /// Writes the state in place of the old one, whole or not at all.
  func save(_ state: SyncState) async throws(SyncError) {
    try await offCooperativePool { [folder, path] () throws(SyncError) in
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      do {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true)
        try encoder.encode(state).write(to: URL(filePath: path), options: .atomic)
      } catch {
        throw .state(path: path, reason: error.localizedDescription)
      }
    }
  }

  /// Makes the folder for downloads anew, without what a killed sync has left.
  func clearDownloads() async throws(SyncError) {
    try await offCooperativePool { [downloads] () throws(SyncError) in
      try? FileManager.default.removeItem(atPath: downloads)
      do {
        try FileManager.default.createDirectory(
          atPath: downloads, withIntermediateDirectories: true)
      } catch {
        throw .state(path: downloads, reason: error.localizedDescription)
      }
    }
  }
}
