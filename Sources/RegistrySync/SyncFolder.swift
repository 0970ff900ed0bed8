import Blocking
import FarmModel
import Foundation

/// The folder `registry-sync` in the state directory: what a registry sync keeps.
struct SyncFolder: Sendable {
  let path: String

  init(stateDirectory: String) { path = stateDirectory + "/registry-sync" }

  var stateFile: String { path + "/state.json" }
  /// What is remembered of each crate of a sparse index.
  var cratesFile: String { path + "/crates" }
  /// The clone of a git index.
  var clone: String { path + "/index.git" }
  /// Where `.crate` files are while they are looked into.
  var downloads: String { path + "/downloads" }
  private var leaseFile: String { path + "/lease.json" }

  /// Makes the folder, and takes it for this process alone; nil: another process has it.
  func lock() async throws(SyncError) -> FolderLock? {
    try await offCooperativePool { [path] () throws(SyncError) in
      do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      } catch {
        throw .state(path: path, reason: error.localizedDescription)
      }
      do throws(FolderLockError) {
        return try FolderLock.trying(path)
      } catch {
        throw .state(path: path, reason: "\(error)")
      }
    }
  }

  /// The state of the last sync of this index and backend, else a new one; perhaps with the reason why
  /// there is none to be used.
  func load(
    indexURL: String, backendURL: String
  ) async throws(SyncError) -> (state: SyncState, problem: String?) {
    try await offCooperativePool { () throws(SyncError) in
      let (state, problem) = read()
      if let state, state.isOf(indexURL: indexURL, backendURL: backendURL) { return (state, nil) }
      // First what would be taken for acknowledged, then what says of which index it is.
      try remove(cratesFile)
      let fresh = SyncState(indexURL: indexURL, backendURL: backendURL)
      try write(fresh, to: stateFile)
      return (fresh, problem)
    }
  }

  private func read() -> (SyncState?, problem: String?) {
    struct Format: Decodable { var format: Int }
    guard FileManager.default.fileExists(atPath: stateFile) else { return (nil, nil) }
    guard let data = try? Data(contentsOf: URL(filePath: stateFile)),
      let format = try? JSONDecoder().decode(Format.self, from: data).format
    else { return (nil, "it cannot be read") }
    guard format == SyncState.currentFormat else {
      return (nil, "it has the format \(format), not \(SyncState.currentFormat)")
    }
    let state = try? JSONDecoder().decode(SyncState.self, from: data)
    return (state, state == nil ? "it cannot be read" : nil)
  }

  /// Writes the state in place of the old one, whole or not at all.
  func save(_ state: SyncState) async throws(SyncError) {
    try await offCooperativePool { () throws(SyncError) in try write(state, to: stateFile) }
  }

  /// A lease that a process before this one, which has ended, has not given back.
  func leftLease(backendURL: String) async -> RegistryLeaseRequest? {
    await offCooperativePool {
      guard let data = try? Data(contentsOf: URL(filePath: leaseFile)),
        let left = try? JSONDecoder().decode(LeftLease.self, from: data),
        left.backendURL == backendURL
      else { return nil }
      return left.lease
    }
  }

  /// Keeps the lease for the process after this one; nil: it was given back.
  func keep(_ lease: RegistryLeaseRequest?, backendURL: String) async throws(SyncError) {
    try await offCooperativePool { () throws(SyncError) in
      guard let lease else { return try remove(leaseFile) }
      try write(LeftLease(backendURL: backendURL, lease: lease), to: leaseFile)
    }
  }

  private struct LeftLease: Codable {
    var backendURL: String
    var lease: RegistryLeaseRequest
  }

  /// Makes the folder for downloads anew, without what a killed sync has left.
  func clearDownloads() async throws(SyncError) {
    try await offCooperativePool { () throws(SyncError) in
      try remove(downloads)
      do {
        try FileManager.default.createDirectory(
          atPath: downloads, withIntermediateDirectories: true)
      } catch {
        throw .state(path: downloads, reason: error.localizedDescription)
      }
    }
  }

  private func remove(_ path: String) throws(SyncError) {
    guard FileManager.default.fileExists(atPath: path) else { return }
    do { try FileManager.default.removeItem(atPath: path) } catch {
      throw .state(path: path, reason: error.localizedDescription)
    }
  }

  private func write(_ value: some Encodable, to path: String) throws(SyncError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      try encoder.encode(value).write(to: URL(filePath: path), options: .atomic)
    } catch {
      throw .state(path: path, reason: error.localizedDescription)
    }
  }
}
