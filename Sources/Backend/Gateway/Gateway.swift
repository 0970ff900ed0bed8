import BuilderProtocol
import Cryptography
import Database
import ExecutorKit
import FarmModel
import Foundation
import Logging
import Scheduling
import WebSockets

/// What all connections of builders to this backend share.
struct Gateway: Sendable {
  let database: FarmDatabase
  let activeRecipes: ActiveRecipes
  let finisher: AttemptFinisher
  let wakeUps: WakeUps
  let sessions: SessionBook
  let requirements: RequirementBook
  let desk: ClaimDesk
  let gate: ClaimGate
  /// Bounds how often one key may connect.
  let connections: RateLimiter
  let terms: GatewaySession.Terms
  let logger: Logger

  /// Serves one builder until its connection ends. The farm goes on whatever happens in here.
  func serve(_ socket: WebSocket, _ messages: WebSocketMessages) async {
    let mailbox = GatewayMailbox()
    let (isAwake, isTold) = (Flag(), Flag())
    let waker = wakeUps.add {
      // One wake-up in the mailbox is enough.
      if isAwake.raise() { mailbox.post.yield(.wake) }
    }
    defer { wakeUps.remove(waker) }
    await withDiscardingTaskGroup { group in
      group.addTask { await mailbox.deliver(messages) }
      group.addTask {
        try? await Task.sleep(for: terms.introduction)
        mailbox.post.yield(.deadline)
      }
      let connection = GatewayConnection(
        gateway: self, socket: socket, mailbox: mailbox,
        tell: { if isTold.raise() { mailbox.post.yield(.reconsider) } })
      defer { connection.leave() }
      for await event in mailbox.events {
        if case .wake = event { isAwake.lower() }
        if case .reconsider = event { isTold.lower() }
        let work = await connection.handle(event)
        for piece in work { group.addTask { await piece() } }
        if connection.isOver { break }
      }
      await connection.left()
      group.cancelAll()
    }
  }

  /// Claims jobs of one version; nil: nothing waits for such a builder.
  ///
  /// - Parameter abilities: the numbers of the requirements that the builder fulfils.
  func claim(_ wish: ClaimWish, abilities: [Int64], origin: String) async throws -> AssignedJobs? {
    let claimed = try await desk.claim(
      wish, requirements: abilities, limits: limits(among: abilities))
    guard let first = claimed.first else { return nil }
    let jobs = claimed.map { assigned($0, origin: origin) }
    let registry = Assign.Registry(downloadTemplate: first.job.downloadTemplate)
    return AssignedJobs(
      references: jobs.map(\.reference), message: Assign(jobs: jobs, registry: registry))
  }

  /// The limits of the targets that a builder can build; most farms have none.
  private func limits(among abilities: [Int64]) -> [String: Int] {
    let recipes = activeRecipes.book
    guard !recipes.targetLimits.isEmpty else { return [:] }
    let targets = requirements.targets(of: Set(abilities))
    return recipes.targetLimits.filter { targets.contains($0.key) }
  }

  private func assigned(_ claimed: ClaimDesk.Claimed, origin: String) -> AssignedJob {
    let job = claimed.job
    let source = DownloadTemplate.url(
      job.downloadTemplate, crate: job.crate, version: job.version, checksum: job.checksum)
    return AssignedJob(
      job: job.id, attempt: job.attempt, leaseSeconds: terms.leaseSeconds, plan: job.plan,
      sourceURL: source, sourceChecksum: job.checksum,
      uploadURL: "\(origin)/api/v1/uploads/\(job.id)/\(job.attempt)",
      uploadToken: claimed.uploadToken, isVerification: job.isVerification,
      check: job.check.map { archive in
        CheckedFile(
          url: origin + StoredArtifact.path(sha256: archive.sha256, name: archive.name)
            + "?\(ArtifactRoutes.checkMark)",
          sha256: archive.sha256)
      })
  }
}

/// What one claim gave.
struct AssignedJobs: Sendable {
  var references: [AttemptReference]
  var message: Assign
}
