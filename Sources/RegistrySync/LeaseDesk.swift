import Blocking
import Cryptography
import FarmModel
import Foundation
import Logging

/// Gets the backend's lease and keeps it.
struct LeaseDesk: Sendable {
  let backend: BackendClient
  let backendURL: String
  let folder: SyncFolder
  let logger: Logger

  /// The longest time between two renewals.
  private static let renewal = Duration.seconds(10)

  /// Waits for the folder and for the lease, and runs `body` while this process has both.
  ///
  /// - Throws: what `body` throws; ``SyncError/leaseLost(reason:)`` when another sync may be active,
  ///   by which time `body` has been cancelled and has ended.
  func withLease<Result: Sendable>(
    _ body: @escaping @Sendable (SyncLease) async throws(SyncError) -> Result
  ) async throws(SyncError) -> Result {
    let lock = try await waitForFolder()
    defer { lock.release() }
    let lease = try await waitForLease()
    let outcome: Outcome<Result> = await withTaskGroup(of: Outcome<Result>.self) { group in
      group.addTask {
        do throws(SyncError) { return .done(try await body(lease)) } catch { return .failed(error) }
      }
      group.addTask { await keep(lease) }
      let first = await group.next() ?? .failed(.cancelled)
      group.cancelAll()
      await group.waitForAll()
      return first
    }
    await giveBack(lease)
    switch outcome {
    case .done(let result): return result
    case .failed(let error): throw error
    }
  }

  private enum Outcome<Value: Sendable>: Sendable {
    case done(Value)
    case failed(SyncError)
  }

  private func waitForFolder() async throws(SyncError) -> FolderLock {
    var hasTold = false
    while true {
      if let lock = try await folder.lock() { return lock }
      if !hasTold {
        logger.notice("another registry sync uses \(folder.path); waiting for its end")
        hasTold = true
      }
      try await sleep(.seconds(Double.random(in: 0.5...1)))
    }
  }

  private func waitForLease() async throws(SyncError) -> SyncLease {
    // The folder is this process's: the one that has left its lease there has ended.
    if let left = await folder.leftLease(backendURL: backendURL) {
      await backend.giveBack(left)
    }
    // Containers may have the same host name and number of the process.
    let holder = "\(ProcessInfo.processInfo.hostName)/\(getpid())/\(Random.token(bytes: 4))"
    var lastHolder: String?
    while true {
      let asked = ContinuousClock.now
      switch try await backend.lease(RegistryLeaseRequest(holder: holder)) {
      case .granted(let grant):
        let note: SyncLease.Note = { [folder, backendURL] (request) async throws(SyncError) in
          try await folder.keep(request, backendURL: backendURL)
        }
        let lease = SyncLease(
          holder: holder, grant: grant, asked: asked, backend: backend, logger: logger, note: note)
        try await note(lease.request)
        return lease
      case .taken(let refusal):
        if refusal.holder != lastHolder {
          logger.notice(
            "another registry sync is active; waiting as its standby",
            metadata: ["holder": "\(refusal.holder)"])
          lastHolder = refusal.holder
        }
        // It may be given back at any time; it cannot run out before.
        let wait = min(max(refusal.seconds, 0.1), Self.renewal / .seconds(1))
        try await sleep(.seconds(wait * Double.random(in: 0.9...1.1)))
      }
    }
  }

  /// Renews the lease until it is lost, and tells why.
  private func keep<Value>(_ lease: SyncLease) async -> Outcome<Value> {
    while true {
      do throws(SyncError) {
        try await sleep(min(Self.renewal, max(.milliseconds(50), lease.remaining / 3)))
        try await lease.renew()
      } catch {
        guard case .backendAway = error else { return .failed(error) }
        if lease.remaining <= .zero {
          return .failed(.leaseLost(reason: "it could not be renewed: \(error)"))
        }
      }
    }
  }

  /// Also when this task is cancelled.
  private func giveBack(_ lease: SyncLease) async {
    let backend = backend
    let request = lease.request
    // A cancelled task sends nothing; this one is not cancelled, and is waited for.
    await Task { await backend.giveBack(request) }.value
    try? await folder.keep(nil, backendURL: backendURL)
  }

  private func sleep(_ duration: Duration) async throws(SyncError) {
    do { try await Task.sleep(for: duration) } catch { throw .cancelled }
  }
}
