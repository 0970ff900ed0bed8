import CrateRegistry
import FarmModel
import Logging

/// What all parts of one sync share while this process has the lease.
struct SyncSession: Sendable {
  let configuration: SyncConfiguration
  let registry: RegistryDescription
  let courier: Courier
  let folder: SyncFolder
  let logger: Logger
  let tell: @Sendable (SyncProgress) -> Void

  var deletions: DeletionBound { DeletionBound(isLifted: configuration.allowsMassDeletion) }

  /// How often what is acknowledged of a sparse index is saved meanwhile.
  static let saveInterval = Duration.seconds(1)
  /// Requests with bodies that are on their way at once: the backend reads one while it stores another.
  static let window = 2

  /// Tells of something that is passed over.
  func note(_ problem: SyncProblem, in report: inout SyncReport) {
    report.add(problem)
    logger.warning("\(problem.reason)", metadata: ["crate": "\(problem.crate)"])
  }

  /// Adds what the backend has taken and refused; the parts that it has taken.
  func taken<Mark>(
    _ delivery: Delivery<Mark>, in report: inout SyncReport
  ) -> [RecordBody<Mark>.Part] {
    report.receipt.add(delivery.receipt)
    var taken = delivery.body.parts
    for (part, error) in delivery.refused.reversed() {
      note(SyncProblem(crate: taken[part].crate, reason: "\(error)"), in: &report)
      taken.remove(at: part)
    }
    let versions = taken.reduce(0) { $0 + $1.versions }
    report.sent += versions
    if versions > 0 {
      logger.debug("sent versions to the backend", metadata: ["versions": "\(versions)"])
    }
    return taken
  }

  /// Sends the registry's line by itself, where the backend does not know the template.
  func sendTemplate(_ state: inout SyncState) async throws(SyncError) {
    guard state.downloadTemplate != registry.downloadTemplate else { return }
    let body = RecordLine.bytes(of: .registry(registry))
    _ = try await courier.backend.post(body, lease: courier.lease)
    state.downloadTemplate = registry.downloadTemplate
    try await folder.save(state)
  }
}
