import Cryptography
import Database

/// Claims for all builders of a backend: those that ask while a claim is under way share the next one.
///
/// Whoever finds the desk free claims, for itself and for all that have come meanwhile with the same
/// abilities; then the first one of the others takes over. So an idle farm waits for nothing, and a busy
/// one has fewer and larger statements.
actor ClaimDesk {
  /// A job with the token of its uploads.
  struct Claimed: Sendable {
    var job: ClaimedJob
    var uploadToken: String
  }

  private struct Order {
    var wish: ClaimWish
    var requirements: [Int64]
    var answer: CheckedContinuation<Role, Never>
  }

  private enum Role: Sendable {
    case served(Result<[Claimed], any Error>)
    case leads
  }

  private let database: FarmDatabase
  private var isBusy = false
  private var queue: [Order] = []

  /// The most builders of one statement.
  private static let largestBatch = 64

  init(database: FarmDatabase) { self.database = database }

  /// Claims for a builder: its next job, and jobs of the same version for its other slots.
  ///
  /// - Parameters:
  ///   - requirements: the numbers of what it has.
  ///   - limits: how many jobs of a target may run at once.
  func claim(
    _ wish: ClaimWish, requirements: [Int64], limits: [String: Int] = [:]
  ) async throws -> [Claimed] {
    if isBusy {
      let role = await withCheckedContinuation {
        queue.append(Order(wish: wish, requirements: requirements, answer: $0))
      }
      if case .served(let result) = role { return try result.get() }
    }
    isBusy = true
    let others = takeOthers(like: requirements)
    let result = await run([wish] + others.map(\.wish), requirements, limits)
    for order in others {
      order.answer.resume(returning: .served(result.map { $0[order.wish.builder] ?? [] }))
    }
    handOver()
    return try result.get()[wish.builder] ?? []
  }

  private func takeOthers(like requirements: [Int64]) -> [Order] {
    var taken: [Order] = []
    queue.removeAll { order in
      guard taken.count < Self.largestBatch - 1, order.requirements == requirements else {
        return false
      }
      taken.append(order)
      return true
    }
    return taken
  }

  private func handOver() {
    guard !queue.isEmpty else {
      isBusy = false
      return
    }
    queue.removeFirst().answer.resume(returning: .leads)
  }

  private func run(
    _ wishes: [ClaimWish], _ requirements: [Int64], _ limits: [String: Int]
  ) async -> Result<[Int64: [Claimed]], any Error> {
    do {
      var claimed = try await claim(wishes, requirements, limits)
      let unserved = wishes.filter { claimed[$0.builder] == nil }
      if wishes.count > 1, !unserved.isEmpty,
        try await database.hasParticularJobs(requirements: requirements)
      {
        for wish in unserved {
          claimed.merge(try await claim([wish], requirements, limits)) { $0 + $1 }
        }
      }
      return .success(claimed)
    } catch {
      return .failure(error)
    }
  }

  private func claim(
    _ wishes: [ClaimWish], _ requirements: [Int64], _ limits: [String: Int]
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
