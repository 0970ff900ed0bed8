import FarmModel

/// Delivers bodies to the backend under a lease.
struct Courier: Sendable {
  let backend: BackendClient
  let lease: SyncLease

  /// When so many crates in succession are refused, it is not for what is in their lines.
  private static let refusalLimit = 32

  /// Sends a body. The backend takes all lines of a body or none: one that it refuses is halved until
  /// the crates that it refuses stand alone, and the others are there.
  func deliver<Mark>(_ body: RecordBody<Mark>) async throws(SyncError) -> Delivery<Mark> {
    var delivery = Delivery(body: body)
    guard body.hasLines else { return delivery }
    do throws(SyncError) {
      delivery.receipt = try await backend.post(body.bytes, lease: lease)
      return delivery
    } catch {
      guard error.isAboutLines else { throw error }
      guard body.parts.count > 1 else {
        delivery.refused = body.parts.indices.map { ($0, error) }
        if body.parts.isEmpty { throw error }
        return delivery
      }
    }
    let (first, second) = body.halves()
    let begin = try await deliver(first)
    if begin.refused.count == first.parts.count, first.parts.count >= Self.refusalLimit,
      let (_, error) = begin.refused.last
    {
      throw error
    }
    let end = try await deliver(second)
    delivery.refused =
      begin.refused + end.refused.map { ($0.part + first.parts.count, $0.error) }
    delivery.receipt = begin.receipt
    delivery.receipt.add(end.receipt)
    return delivery
  }
}

extension RegistryReceipt {
  static let nothing = RegistryReceipt(added: 0, changed: 0, unchanged: 0, jobs: 0)

  mutating func add(_ other: RegistryReceipt) {
    added += other.added
    changed += other.changed
    unchanged += other.unchanged
    jobs += other.jobs
  }
}
