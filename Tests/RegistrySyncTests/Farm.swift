import FarmModel
import Foundation
import Logging
import RegistrySync
import Testing
import Transfer

/// A registry, a backend and the state directory of one test.
final class Farm: Sendable {
  let registry: FakeRegistry
  let backend: FakeBackend
  let folder = FileManager.default.temporaryDirectory.appending(path: "sync-\(UUID())").path
  let client = TransferClient()
  let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
  let once = TransferRetryPolicy(attempts: 1)

  init() throws {
    registry = try FakeRegistry()
    backend = try FakeBackend()
  }

  deinit {
    client.shutdown()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// What is remembered of a sparse index's crates.
  var cratesPath: String { "\(folder)/registry-sync/crates" }

  var statePath: String { "\(folder)/registry-sync/state.json" }

  func sync(
    _ crates: String..., token: String? = FakeBackend.token, backendURL: String? = nil,
    attempts: Int = 1
  ) throws -> RegistrySync {
    try sync(of: crates, token: token, backendURL: backendURL, attempts: attempts)
  }

  /// A sync of these crates.
  func sync(
    of crates: [String], token: String? = FakeBackend.token, backendURL: String? = nil,
    attempts: Int = 1
  ) throws -> RegistrySync {
    RegistrySync(
      configuration: SyncConfiguration(
        registryURL: registry.indexURL, backendURL: backendURL ?? backend.url, token: token,
        stateDirectory: folder, crates: try crates.map { try #require(CrateName($0)) }),
      client: client,
      retries: TransferRetryPolicy(attempts: attempts, firstDelay: .milliseconds(1)),
      logger: logger)
  }

  /// Publishes `abc` with a library-like 1.0.0 and a program 1.1.0; the checksum of the latter.
  @discardableResult
  func publishABC(yanked: Set<String> = []) throws -> String {
    let checksum = try registry.publishProgram("abc", "1.1.0")
    let other = try registry.publishProgram("abc", "1.0.0")
    let name = try #require(CrateName("abc"))
    registry.publish(
      name,
      lines: [
        indexLine("abc", "1.0.0", other, yanked: yanked.contains("1.0.0")),
        indexLine("abc", "1.1.0", checksum, yanked: yanked.contains("1.1.0")),
      ])
    return checksum
  }
}
