import Cryptography
import Database

/// Claims for all builders of a backend: those that ask while a claim is under way share the next one.
struct ClaimDesk: Sendable {
  /// A job with the token of its uploads.
  struct Claimed: Sendable {
    var job: ClaimedJob
    var uploadToken: String
  }

  private struct Order: Sendable {
    var wish: ClaimWish
    var requirements: [Int64]
    var limits: [String: Int]
  }

  private let batcher: Batcher<Order, [Claimed]>

  init(database: FarmDatabase) {
    batcher = Batcher(
      largest: 64,
      canShare: { $0.requirements == $1.requirements && $0.wish.builder != $1.wish.builder }
    ) { orders in
      try await Self.claim(
        orders.map(\.wish), orders[0].requirements, orders[0].limits, from: database)
    }
  }

  /// Claims for a builder: its next job, and jobs of the same version for its other slots.
  ///
  /// - Parameters:
  ///   - requirements: the numbers of what it has.
  ///   - limits: how many jobs of a target may run at once.
  func claim(
    _ wish: ClaimWish, requirements: [Int64], limits: [String: Int]
  ) async throws -> [Claimed] {
    try await batcher.run(Order(wish: wish, requirements: requirements, limits: limits))
  }

  private static func claim(
    _ wishes: [ClaimWish], _ requirements: [Int64], _ limits: [String: Int],
    from database: FarmDatabase
  ) async throws -> [[Claimed]] {
    var claimed = try await once(wishes, requirements, limits, from: database)
    let unserved = wishes.filter { claimed[$0.builder] == nil }
    // Alone, each may have what one of the others must not.
    if wishes.count > 1, !unserved.isEmpty,
      try await database.hasParticularJobs(requirements: requirements)
    {
      for wish in unserved {
        claimed.merge(try await once([wish], requirements, limits, from: database)) { $0 + $1 }
      }
    }
    return wishes.map { claimed[$0.builder] ?? [] }
  }

  private static func once(
    _ wishes: [ClaimWish], _ requirements: [Int64], _ limits: [String: Int],
    from database: FarmDatabase
  ) async throws -> [Int64: [Claimed]] {
    let slots = wishes.reduce(0) { $0 + max(1, $1.slots) }
    let tokens = (0..<slots).map { _ in Random.token() }
    let jobs = try await database.claim(
      wishes, requirements: requirements, tokenHashes: tokens.map { SHA256.hex(of: $0) },
      limits: limits)
    return Dictionary(grouping: jobs, by: \.builder).mapValues { jobs in
      jobs.map { Claimed(job: $0, uploadToken: tokens[$0.token]) }
    }
  }
}
